// MCP on two streams of lines, carried to /mcp of a running server and back: the server alone speaks the
// protocol, in every revision. What is added are the headers of its HTTP form, which say again what stands
// in the message.

import { eventsOf } from "./event-lines.ts";

/** Longest line of a client, in characters; the server takes no larger body. */
const LINE_CHARS_MAX = 4 * 1024 * 1024;
/** Requests under way; more wait in the client's pipe. */
const UNDER_WAY_MAX = 64;
const REVISION = "io.modelcontextprotocol/protocolVersion";
/** JSON-RPC's code for what went wrong between here and the server. */
const LOST = -32_000;
/** Of each method, the parameter that its requests are told apart by. */
const names: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
};

/** Where messages come from and go to. */
export interface PipeOptions {
  /** Without a slash at the end. */
  readonly url: string;
  readonly key: string;
  readonly input: AsyncIterable<string>;
  /** Writes a line; resolves when the next one can be taken. */
  write(line: string): Promise<void>;
}

interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** What the first answer of an older revision has settled. */
interface Settled {
  session?: string;
  revision?: string;
}

/** Carries messages until the input ends; what is under way then is let go of. */
export async function pipe(options: PipeOptions): Promise<void> {
  const settled: Settled = {};
  const underWay = new Map<
    string,
    { readonly abort: AbortController; readonly isCurrent: boolean }
  >();
  const sent = new Set<Promise<void>>();
  for await (const line of linesOf(options.input)) {
    const message = parsed(line);
    if (message === null) {
      await options.write(errorLine(null, -32_700, "This line is no JSON object."));
      continue;
    }
    if (message.method === "notifications/cancelled") {
      const call = underWay.get(JSON.stringify(message.params?.["requestId"]));
      // On the wire the current revision cancels by closing.
      if (call?.isCurrent) {
        call.abort.abort();
        continue;
      }
    }
    while (sent.size >= UNDER_WAY_MAX) await Promise.race(sent);
    const abort = new AbortController();
    const id = JSON.stringify(message.id);
    const isRequest = message.id !== undefined && message.method !== undefined;
    if (isRequest) underWay.set(id, { abort, isCurrent: revisionOf(message) !== undefined });
    const done = carry(options, settled, { message, line, signal: abort.signal }).finally(() => {
      sent.delete(done);
      if (underWay.get(id)?.abort === abort) underWay.delete(id);
    });
    sent.add(done);
    // What comes next needs what this one settles.
    if (message.method === "initialize") await done;
  }
  for (const { abort } of underWay.values()) abort.abort();
  await Promise.all(sent);
}

interface Carried {
  readonly message: Message;
  readonly line: string;
  readonly signal: AbortSignal;
}

async function carry(options: PipeOptions, settled: Settled, of: Carried): Promise<void> {
  const { message, line, signal } = of;
  try {
    const response = await fetch(`${options.url}/mcp`, {
      method: "POST",
      headers: headersOf(options, settled, message),
      body: line,
      signal,
    });
    const session = response.headers.get("mcp-session-id");
    if (session !== null) settled.session = session;
    for await (const text of messagesOf(response)) {
      if (message.method === "initialize") settled.revision = negotiated(text) ?? "";
      await options.write(withId(text, message));
    }
  } catch (error) {
    if (signal.aborted || message.id === undefined || message.method === undefined) return;
    const why = error instanceof Error ? error.message : String(error);
    await options.write(errorLine(message.id, LOST, `No answer from ${options.url}: ${why}`));
  }
}

async function* messagesOf(response: Response): AsyncIterable<string> {
  if (response.headers.get("content-type")?.startsWith("text/event-stream")) {
    for await (const { data } of eventsOf(response)) if (data !== "") yield data;
    return;
  }
  const text = await response.text();
  if (text !== "") yield text;
}

/** A request that was refused before it was looked into is answered without its id. */
function withId(text: string, { id, method }: Message): string {
  const answer = parsed(text);
  if (answer === null) throw new Error("it is no server of MCP");
  if (id === undefined || method === undefined) return JSON.stringify(answer);
  return JSON.stringify("error" in answer && answer.id == null ? { ...answer, id } : answer);
}

function headersOf({ key }: PipeOptions, settled: Settled, message: Message): Headers {
  const headers = new Headers({
    Accept: "application/json, text/event-stream",
    Authorization: `Bearer ${key}`,
    "Content-Type": "application/json",
  });
  const { method, params } = message;
  const current = revisionOf(message);
  const revision = current ?? settled.revision;
  if (revision) headers.set("MCP-Protocol-Version", revision);
  if (current === undefined) {
    if (settled.session !== undefined) headers.set("Mcp-Session-Id", settled.session);
    return headers;
  }
  if (method !== undefined) headers.set("Mcp-Method", headerText(method));
  const name = params?.[names[method ?? ""] ?? ""];
  if (typeof name === "string") headers.set("Mcp-Name", headerText(name));
  return headers;
}

/** As the protocol writes what a header cannot hold. */
function headerText(text: string): string {
  const isPlain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text);
  return isPlain && !text.startsWith("=?base64?")
    ? text
    : `=?base64?${Buffer.from(text).toString("base64")}?=`;
}

/** The revision that a message names itself, as all of the current one do. */
function revisionOf({ params }: Message): string | undefined {
  const meta = params?.["_meta"] as Readonly<Record<string, unknown>> | undefined;
  const revision = meta?.[REVISION];
  return typeof revision === "string" ? revision : undefined;
}

function negotiated(text: string): string | undefined {
  const answer = parsed(text) as { readonly result?: { readonly protocolVersion?: string } } | null;
  return answer?.result?.protocolVersion;
}

function parsed(text: string): (Message & object) | null {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Message) : null;
  } catch {
    return null;
  }
}

function errorLine(id: string | number | null, code: number, message: string): string {
  return JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } });
}

async function* linesOf(input: AsyncIterable<string>): AsyncIterable<string> {
  let rest = "";
  for await (const piece of input) {
    rest += piece;
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > LINE_CHARS_MAX)
      throw new Error(`a line has over ${LINE_CHARS_MAX} characters`);
    for (const line of lines) if (line.trim() !== "") yield line;
  }
}
