// The one factory of servers, for every revision of the protocol: what is answered is the same, and the SDK
// speaks each revision.

import {
  type CallToolResult,
  type InputRequiredResult,
  type McpRequestContext,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { RuntimeError, toErrorData, toldError } from "../../runtime/errors.ts";
import type { OnceKey } from "../http/services/once.ts";
import type { Services } from "../http/services/services.ts";
import { ask } from "./ask.ts";
import { callOf, type McpCall, may } from "./call.ts";
import type { CallsUnderWay } from "./calls-under-way.ts";
import { completionOf } from "./completions.ts";
import { promptNamed, promptPage } from "./prompts.ts";
import { resourcePage, resourceRead, skillTemplate } from "./resources.ts";
import { errorResult } from "./results.ts";
import { retryKeyOf } from "./retry-key.ts";
import { search } from "./search.ts";
import { type Target, toolNamed, toolPage } from "./tools.ts";

const INSTRUCTIONS =
  "Each tool is an agent, a team or a workflow of a Troupe server that does what its description says, or searches a collection of documents. A call may take minutes; ask for progress to see how far it is. An answer names its conversation: give conversation_key to go on in it.";

/** How long after its connection was cut a call of an older revision can still be cancelled, ms. */
const LATE_CANCEL_MS = 10_000;

/** Errors of who asks: a cursor, a name or a value that is none. */
const ASKED: ReadonlySet<string> = new Set(["INVALID", "NOT_FOUND", "UNKNOWN_FIELD"]);

/** What servers are made of. */
export interface FactoryOptions {
  readonly services: Services;
  readonly version: string;
  readonly underWay: CallsUnderWay;
}

/** Makes the server of one request. */
export function createFactory(options: FactoryOptions): (context: McpRequestContext) => Server {
  const { services, version } = options;
  return ({ authInfo }) => {
    const call = callOf(authInfo);
    const server = new Server(
      { name: "troupe", title: "Troupe", version },
      {
        capabilities: { tools: {}, prompts: {}, resources: {}, completions: {} },
        instructions: INSTRUCTIONS,
      },
    );
    server.setRequestHandler("tools/list", async ({ params }) => {
      const { tools, nextCursor } = await told(() => toolPage(services, call, params?.cursor));
      return { tools: [...tools], ...(nextCursor === undefined ? {} : { nextCursor }) };
    });
    server.setRequestHandler("tools/call", async ({ params }, context) => {
      const { name, arguments: args = {} } = params;
      const target = await told(() => toolNamed(services, call, name));
      if (target === null) {
        const message = `There is no tool ${name.slice(0, 80)}.`;
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, message);
      }
      const once = await told(async () => retryKeyOf(call, context, { name, args }));
      return (await answer(options, call, { target, args, once, context })) as CallToolResult;
    });
    server.setRequestHandler("prompts/list", ({ params }) =>
      told(async () => ({ ...(await promptPage(services, call, params?.cursor)) })),
    );
    server.setRequestHandler("prompts/get", ({ params }) => {
      const { name, arguments: args = {} } = params;
      return told(() => promptNamed(services, call, { name, args }));
    });
    server.setRequestHandler("completion/complete", ({ params }) =>
      told(() => completionOf(services, call, params)),
    );
    handleResources(server, services, call);
    return server;
  };
}

function handleResources(server: Server, services: Services, call: McpCall): void {
  server.setRequestHandler("resources/list", ({ params }) =>
    told(async () => ({ ...(await resourcePage(services, call, params?.cursor)) })),
  );
  server.setRequestHandler("resources/templates/list", () => ({
    resourceTemplates: may(call, "skills") ? [skillTemplate] : [],
  }));
  server.setRequestHandler("resources/read", ({ params }) =>
    told(() => resourceRead(services, call, params.uri)),
  );
}

interface Called {
  readonly target: Target;
  readonly args: Readonly<Record<string, unknown>>;
  readonly once: OnceKey | null;
  readonly context: ServerContext;
}

async function answer(
  { services, underWay }: FactoryOptions,
  call: McpCall,
  { target, args, once, context }: Called,
): Promise<CallToolResult | InputRequiredResult> {
  const { signal, id } = context.mcpReq;
  if (target.kind === "search") {
    return await search(services, call, { id: target.id, args, signal }).catch((error: unknown) =>
      errorResult(error, "this request"),
    );
  }
  const request = { call, context, args: withoutNulls(args), once };
  if (call.isModern) {
    // Who cuts the connection of a call that may come again wants its answer then.
    const cancelled = once === null ? signal : new AbortController().signal;
    return await ask(services, target, { ...request, cancelled });
  }
  // A connection that is cut says nothing about the call there: only a notification does.
  const cancel = new AbortController();
  const end = call.session === null ? null : underWay.begin(call.session, id, () => cancel.abort());
  try {
    return await ask(services, target, { ...request, cancelled: cancel.signal });
  } finally {
    if (end !== null && call.context.request.signal.aborted)
      setTimeout(end, LATE_CANCEL_MS).unref();
    else end?.();
  }
}

/** Models that must fill in every argument write null for one they leave out. */
function withoutNulls(args: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== null));
}

/** What a handler throws, as the protocol has errors. */
async function told<T>(make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    throw error instanceof ProtocolError ? error : protocolError(error);
  }
}

/** Without what is for the operator alone, which a cause would carry along. */
function protocolError(error: unknown): ProtocolError {
  const { code, message } = toldError(toErrorData(error));
  const isAsked = error instanceof RuntimeError && ASKED.has(code);
  const number = isAsked ? ProtocolErrorCode.InvalidParams : ProtocolErrorCode.InternalError;
  return new ProtocolError(number, message, { code });
}
