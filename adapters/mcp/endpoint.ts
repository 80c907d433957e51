// The door's requests as web requests for the SDK, and its web responses as the door writes them.

import {
  createMcpHandler,
  isLegacyRequest,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import { toErrorData } from "../../runtime/errors.ts";
import type { RouteContext } from "../http/route.ts";
import type { HttpResponse, ResponseSink } from "../http/server.ts";
import type { Services } from "../http/services/services.ts";
import { createCall, type Flow, type McpCall, passOf } from "./call.ts";
import { CallsUnderWay, newSessionId, type RequestId, sessionOf } from "./calls-under-way.ts";
import { createFactory } from "./factory.ts";
import { headerKeyOf } from "./retry-key.ts";

/** Streams of `subscriptions/listen` at a time, of all clients. */
const SUBSCRIPTIONS_MAX = 256;
const SESSION_HEADER = "mcp-session-id";

/** Headers that the protocol reads. */
const read = ["accept", "content-type", "mcp-method", "mcp-name", "mcp-protocol-version"] as const;
/** Headers that the server makes itself. */
const own = new Set(["connection", "content-length", "date", "transfer-encoding"]);

/** A message of JSON-RPC, as far as it is looked into here. */
interface Message {
  readonly method?: unknown;
  readonly id?: unknown;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** Answers requests to /mcp. */
export type Endpoint = (context: RouteContext<object | readonly object[]>) => Promise<HttpResponse>;

/** Makes the endpoint. */
export function createEndpoint(services: Services, version: string): Endpoint {
  const underWay = new CallsUnderWay();
  const factory = createFactory({ services, version, underWay });
  const common = { legacy: "reject", maxSubscriptions: SUBSCRIPTIONS_MAX } as const;
  const plain = createMcpHandler(factory, common);
  // The head of a call's answer does not wait for the run, which may take minutes.
  const streaming = createMcpHandler(factory, { ...common, responseMode: "sse" });
  return async (context) => {
    const { request, body, principal } = context;
    const messages = (Array.isArray(body) ? body : [body]) as readonly Message[];
    const calls = messages.filter(({ method }) => method === "tools/call").length;
    // A call whose caller is dismissed is answered with the error; what else is open is closed.
    const left = calls > 0 ? goneOf(request.signal) : request.signal;
    const web = webRequest(context, left);
    const isOlder = await isLegacyRequest(web, body);
    const session = isOlder ? sessionOf(request.header(SESSION_HEADER), principal) : null;
    const retryKey = headerKeyOf(context);
    const call = createCall(context, { session, isModern: !isOlder, calls, retryKey });
    if (isOlder)
      return await serveOlder({ factory, underWay }, call, { web, left, messages, body });
    const pass = { authInfo: passOf(call), parsedBody: body };
    return await reply(await (calls > 0 ? streaming : plain).fetch(web, pass), call.flow);
  };
}

/** Aborts when the client has gone, not when it was dismissed and is there still. */
function goneOf(signal: AbortSignal): AbortSignal {
  const gone = new AbortController();
  const tell = (): void => {
    if (toErrorData(signal.reason).code === "CANCELLED") gone.abort();
  };
  if (signal.aborted) tell();
  else signal.addEventListener("abort", tell, { once: true });
  return gone.signal;
}

function webRequest({ request }: Pick<RouteContext, "request">, signal: AbortSignal): Request {
  const headers = new Headers();
  for (const name of read) {
    const value = request.header(name);
    if (value !== undefined) headers.set(name, value);
  }
  const { method } = request;
  return new Request("http://localhost/mcp", { method, headers, signal });
}

/** Revisions before 2026-07-28, each request by itself. */
async function serveOlder(
  {
    factory,
    underWay,
  }: { readonly factory: ReturnType<typeof createFactory>; readonly underWay: CallsUnderWay },
  call: McpCall,
  of: {
    readonly web: Request;
    readonly left: AbortSignal;
    readonly messages: readonly Message[];
    readonly body: object;
  },
): Promise<HttpResponse> {
  const { web, left, messages, body } = of;
  if (call.session !== null) handOn(underWay, call.session, messages);
  const authInfo = passOf(call);
  const server = factory({ era: "legacy", authInfo, requestInfo: web });
  const enableJsonResponse = call.calls === 0;
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse });
  if (call.session !== null) nameQuestions(transport, underWay, call.session);
  await server.connect(transport);
  const close = (): void => {
    // Closes the transport too, and whoever still waits for an answer by it.
    server.close().catch(ignore);
  };
  left.addEventListener("abort", close, { once: true });
  const response = await transport.handleRequest(web, { authInfo, parsedBody: body });
  const answered = await reply(response, call.flow, close);
  const opens = messages.find(({ method }) => method === "initialize");
  if (opens === undefined || answered.status !== 200) return answered;
  const headers = { ...answered.headers, "Mcp-Session-Id": newSessionId(elicits(opens)) };
  return { ...answered, headers };
}

/** What a request says of another one: that it is cancelled, or what its question is answered with. */
function handOn(
  underWay: CallsUnderWay,
  session: NonNullable<McpCall["session"]>,
  messages: readonly Message[],
): void {
  for (const message of messages) {
    const { method, id, params } = message;
    if (method === "notifications/cancelled") {
      const cancelled = params?.["requestId"];
      if (isId(cancelled)) underWay.cancel(session, cancelled);
    } else if (method === undefined && isId(id)) underWay.answer(session, id, message);
  }
}

/** Gives questions ids that no other call of the session has, since their answers come by themselves. */
function nameQuestions(
  transport: WebStandardStreamableHTTPServerTransport,
  underWay: CallsUnderWay,
  session: NonNullable<McpCall["session"]>,
): void {
  const send = transport.send.bind(transport);
  transport.send = async (message, options) => {
    if (!("method" in message && "id" in message)) return await send(message, options);
    const { id } = message;
    const name = `troupe-${crypto.randomUUID()}`;
    const end = underWay.ask(session, name, (answer) => {
      end();
      transport.onmessage?.({ ...answer, id } as Parameters<
        NonNullable<typeof transport.onmessage>
      >[0]);
    });
    ends.push(end);
    await send({ ...message, id: name }, options);
  };
  const ends: (() => void)[] = [];
  const close = transport.close.bind(transport);
  transport.close = async () => {
    for (const end of ends) end();
    await close();
  };
}

function elicits({ params }: Message): boolean {
  const capabilities = params?.["capabilities"] as Readonly<Record<string, unknown>> | undefined;
  const able = capabilities?.["elicitation"];
  if (typeof able !== "object" || able === null) return false;
  return "form" in able || !("url" in able);
}

const isId = (value: unknown): value is RequestId =>
  typeof value === "string" || typeof value === "number";

/** A web response as the door's. `end` is called when it has been written, or its reader is gone. */
async function reply(
  response: Response,
  flow: Flow,
  end: () => void = () => undefined,
): Promise<HttpResponse> {
  const { status, body } = response;
  const headers: Record<string, string> = {};
  for (const [name, value] of response.headers) {
    if (!own.has(name)) headers[titled(name)] = value;
  }
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  if (body === null || !isStream) {
    const text = await response.text();
    end();
    return { status, headers, body: text };
  }
  return { status, headers, stream: (sink) => pump(body, sink, flow).finally(end) };
}

async function pump(body: ReadableStream<Uint8Array>, sink: ResponseSink, flow: Flow) {
  const reader = body.getReader();
  const leave = (): void => {
    reader.cancel().catch(ignore);
  };
  sink.signal.addEventListener("abort", leave, { once: true });
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      if (sink.write(piece.value)) continue;
      flow.hold(sink.drained);
      await sink.drained;
      flow.free();
      if (sink.signal.aborted) return;
    }
  } finally {
    sink.signal.removeEventListener("abort", leave);
    flow.free();
  }
}

/** Spelled as the door's own headers are, so that none is written twice. */
function titled(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (letters) => letters.toUpperCase());
}

function ignore(): void {
  // It is closed, which is all that was wanted.
}
