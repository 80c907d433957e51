// A connection to one server, whatever it is carried by: what the server has is asked once in a while and when it
// says that it has changed, calls are bounded in time, and what the library or the server says in errors becomes ours.
// It is never used again once something went wrong with it that is not the tool's.

import type { Client, Tool } from "@modelcontextprotocol/client";
import { charsOf, definitionHash, sizeFault } from "../../actors/mcp/definition.ts";
import { type McpAnswer, type McpCall, type McpSaid, mcpLimits } from "../../actors/mcp/port.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { answerOf } from "./answer.ts";
import type { Streams } from "./streams.ts";
import { isGone, isUnauthorized, wordsOf } from "./words.ts";

/** What a session is made of. */
export interface SessionOptions {
  readonly client: Client;
  /** What it is called in errors. */
  readonly called: string;
  /** Requests whose answer nobody waits for any more; absent: they have no stream of their own. */
  readonly streams?: Streams | undefined;
  /** Takes secrets of requests out of what the server says. */
  hide?(text: string): string;
  /** Ends what carries it. */
  end(): Promise<void>;
}

/** What a server has, by name: as it said it, and as it is told on. */
type Listed = ReadonlyMap<string, { readonly tool: Tool; readonly said: McpSaid }>;

/** A connection that is open. */
export class Session {
  readonly #of: SessionOptions;
  #listed: { readonly atMs: number; readonly tools: Promise<Listed> } | null = null;
  #isOver = false;
  /** It is closed when its last call has an answer. */
  #isRetired = false;
  /** Calls that wait for an answer. */
  calls = 0;
  usedMs = Date.now();

  constructor(options: SessionOptions) {
    this.#of = options;
    const { client } = options;
    const before = client.onclose;
    client.onclose = () => {
      this.#isOver = true;
      before?.();
    };
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The server has said that its tools are others now. */
  forget(): void {
    this.#listed = null;
  }

  async list(names: readonly string[], signal?: AbortSignal): Promise<readonly McpSaid[]> {
    return await this.#used(signal, async () => {
      const tools = await this.#tools();
      return names.flatMap((name) => tools.get(name)?.said ?? []);
    });
  }

  async call(call: McpCall, signal?: AbortSignal): Promise<McpAnswer> {
    const { tool: name, hash, timeoutMs } = call;
    let progress = "";
    const startMs = Date.now();
    try {
      return await this.#used(signal, async () => {
        const listed = (await this.#tools()).get(name);
        if (listed === undefined) return { status: "missing" };
        const { tool } = listed;
        const now = definitionHash(listed.said);
        if (hash !== undefined && hash !== now) return { status: "changed", hash: now };
        const left = Math.max(1, Math.round(timeoutMs * ANSWER_SHARE) - (Date.now() - startMs));
        const ask = () =>
          this.#of.client.callTool(
            { name, arguments: { ...call.arguments } },
            {
              ...(signal && { signal }),
              ...{ timeout: left, maxTotalTimeout: left, toolDefinition: tool },
              onprogress: ({ message, progress: at, total }) => {
                const part = total === undefined ? `${at}` : `${at} of ${total}`;
                progress = message === undefined ? part : `${part}: ${message}`;
              },
            },
          );
        const result = await (this.#of.streams?.during(ask) ?? ask());
        return answerOf(result, this.#hide);
      });
    } catch (error) {
      if (isUnauthorized(error)) return { status: "unauthorized" };
      throw withProgress(error, this.#hide(progress));
    }
  }

  /** Nobody begins a call any more. */
  retire(): void {
    this.#isOver = true;
    this.#isRetired = true;
    if (this.calls === 0) void this.close();
  }

  /** Ends the connection; calls under way fail. */
  async close(): Promise<void> {
    this.#isOver = true;
    await this.#of.end().catch(() => undefined);
  }

  readonly #hide = (text: string): string => this.#of.hide?.(text) ?? text;

  async #used<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    this.calls += 1;
    try {
      signal?.throwIfAborted();
      return await work();
    } catch (error) {
      if (signal?.aborted) throw givenUp(signal, this.#of.called);
      if (isGone(error)) this.#isOver = true;
      throw wordsOf(error, this.#of.called, this.#hide);
    } finally {
      this.calls -= 1;
      this.usedMs = Date.now();
      if (this.#isRetired && this.calls === 0) void this.close();
    }
  }

  #tools(): Promise<Listed> {
    const known = this.#listed;
    if (known !== null && Date.now() - known.atMs < mcpLimits.listedMs) return known.tools;
    const tools = listAll(this.#of.client);
    const listed = { atMs: Date.now(), tools };
    this.#listed = listed;
    // What could not be asked is asked again.
    tools.catch(() => {
      if (this.#listed === listed) this.#listed = null;
    });
    return tools;
  }
}

/** Of a call's time so much is the server's: it is told of a limit that is reached, and so is the model. */
const ANSWER_SHARE = 0.95;

async function listAll(client: Client): Promise<Listed> {
  const all = new Map<string, { readonly tool: Tool; readonly said: McpSaid }>();
  const endMs = Date.now() + mcpLimits.listMs;
  let cursor: string | undefined;
  let chars = 0;
  for (let page = 1; ; page += 1) {
    const timeout = Math.max(1, endMs - Date.now());
    const asked = cursor === undefined ? {} : { cursor };
    // The library's own way through all pages begins where no cursor is given.
    const { tools, nextCursor } = await client.request(
      { method: "tools/list", params: asked },
      { timeout },
    );
    for (const tool of tools) {
      const said = saidOf(tool);
      chars += charsOf(said);
      const isFull = all.size >= mcpLimits.listTools || chars > mcpLimits.listChars;
      if (isFull) return all;
      const kept = said.fault === undefined ? tool : withoutSchemas(tool);
      if (!all.has(tool.name)) all.set(tool.name, { tool: kept, said });
    }
    const isLast = nextCursor === undefined || nextCursor === cursor;
    if (isLast || page === mcpLimits.listPages) return all;
    cursor = nextCursor;
  }
}

/** Much more than is told on of a description. */
const DESCRIPTION_CHARS = 4 * mcpLimits.descriptionChars;

function saidOf({ name, title = "", description = "", inputSchema }: Tool): McpSaid {
  const fault = sizeFault(inputSchema);
  return {
    name: name.slice(0, mcpLimits.toolNameChars),
    title: title.slice(0, DESCRIPTION_CHARS),
    description: description.slice(0, DESCRIPTION_CHARS),
    ...(fault === undefined ? { schema: inputSchema as McpSaid["schema"] } : { schema: {}, fault }),
  };
}

function withoutSchemas({ name }: Tool): Tool {
  return { name, inputSchema: { type: "object" } };
}

function givenUp(signal: AbortSignal, called: string): RuntimeError {
  const reason: unknown = signal.reason;
  if (reason instanceof RuntimeError) return reason;
  return new RuntimeError("CANCELLED", `The request to ${called} was cancelled.`);
}

function withProgress(error: unknown, progress: string): unknown {
  if (!(error instanceof RuntimeError) || error.code !== "DEADLINE" || progress === "")
    return error;
  const message = `${error.message} It had come to ${progress.slice(0, 200)}.`;
  return new RuntimeError("DEADLINE", message, error.details, { cause: error });
}
