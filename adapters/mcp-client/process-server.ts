// One process of the operator's configuration: started when it is first asked, once for all who ask it, and again
// after it has ended, each time later than before while it does not stay.

import { seen } from "../../actors/mcp/definition.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import { connectMs, createClient, loadLibrary } from "./client.ts";
import { type ProcessCommand, ProcessTransport } from "./process-transport.ts";
import { Session } from "./session.ts";
import { StderrLines } from "./stderr-lines.ts";
import { wordsOf } from "./words.ts";

/** It is not started again before this has passed, and twice as much each time, up to the most. */
const BACKOFF_MS = { least: 1_000, most: 60_000 } as const;
/** One that has lived so long stays. */
const STAYS_MS = 60_000;
/** Calls under way at once; one more is refused. */
const CALLS_MAX = 64;

/** What it needs. */
export interface ProcessServerOptions {
  /** As it is to be started now: its variables may have changed. */
  command(): ProcessCommand;
  readonly name: string;
  readonly log: Log;
  readonly nowMs: () => number;
}

/** One of them. */
export class ProcessServer {
  readonly #of: ProcessServerOptions;
  readonly #stderr: StderrLines;
  #open: Promise<Session> | null = null;
  #failures = 0;
  #notBeforeMs = 0;
  /** It was found not to take what the current revision begins with. */
  #era: "ask" | "older" = "ask";
  #isEnding = false;

  constructor(options: ProcessServerOptions) {
    this.#of = options;
    this.#stderr = new StderrLines(options.name, options.log, options.nowMs);
  }

  /** @throws PROVIDER_UNAVAILABLE while it is not started again, POOL_FULL, what its start throws. */
  async session(): Promise<Session> {
    const { name, nowMs } = this.#of;
    if (this.#isEnding) throw new RuntimeError("SHUTTING_DOWN", "The server stops.");
    const open = this.#open;
    if (open !== null) {
      const session = await open;
      if (!session.isOver) return free(session, name);
      if (this.#open === open) this.#open = null;
      return await this.session();
    }
    const retryAfterMs = this.#notBeforeMs - nowMs();
    if (retryAfterMs > 0) {
      const message = `The tool server ${name} has ended; it is started again in ${Math.ceil(retryAfterMs / 1_000)} s.`;
      throw new RuntimeError("PROVIDER_UNAVAILABLE", message, { server: name, retryAfterMs });
    }
    const opening = this.#start();
    this.#open = opening;
    opening.catch(() => {
      if (this.#open === opening) this.#open = null;
    });
    return await opening;
  }

  /** Ends it for good. */
  async end(): Promise<void> {
    this.#isEnding = true;
    const session = await this.#open?.catch(() => null);
    await session?.close();
  }

  async #start(): Promise<Session> {
    const startMs = this.#of.nowMs();
    try {
      return await this.#connect(startMs);
    } catch (error) {
      if (this.#era === "older") throw this.#failed(startMs, error);
      // Some that are older end, or are silent, when they are asked what they do not know.
      this.#era = "older";
      return await this.#connect(startMs).catch((again): never => {
        this.#era = "ask";
        throw this.#failed(startMs, again);
      });
    }
  }

  async #connect(startMs: number): Promise<Session> {
    const { name } = this.#of;
    const library = await loadLibrary();
    const transport = new ProcessTransport(library, this.#of.command(), (piece) => {
      this.#stderr.take(piece);
    });
    const own: { session?: Session } = {};
    const onChanged = (): void => own.session?.forget();
    const client = createClient(library, { era: this.#era, onChanged });
    try {
      await client.connect(transport, { timeout: connectMs.whole });
    } catch (error) {
      await transport.close();
      throw error;
    }
    const end = async (): Promise<void> => await transport.close();
    const session = new Session({ client, called: name, end });
    own.session = session;
    void transport.ended.then(() => {
      void session.close();
      if (!this.#isEnding) this.#failed(startMs, "it ended");
    });
    return session;
  }

  #failed(startMs: number, why: unknown): RuntimeError {
    const { name, log, nowMs } = this.#of;
    if (nowMs() - startMs > STAYS_MS) this.#failures = 0;
    const waitMs = Math.min(BACKOFF_MS.most, BACKOFF_MS.least * 2 ** this.#failures);
    this.#failures += 1;
    this.#notBeforeMs = nowMs() + waitMs;
    const error = typeof why === "string" ? undefined : wordsOf(why, `The tool server ${name}`);
    const said = error === undefined ? String(why) : seen(error.message, 500);
    log.write("warn", "A tool server has ended or did not start.", {
      ...{ server: name, why: said, again_in_ms: waitMs },
    });
    return error ?? new RuntimeError("PROVIDER_UNAVAILABLE", `The tool server ${name} has ended.`);
  }
}

function free(session: Session, name: string): Session {
  if (session.calls < CALLS_MAX) return session;
  const message = `${CALLS_MAX} calls of the tool server ${name} are under way; one more is refused.`;
  throw new RuntimeError("POOL_FULL", message, { retryAfterMs: 1_000 });
}
