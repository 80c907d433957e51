// Streams that are open, and whether who has asked for them may still read them: a run may go on for hours
// after its reader's key was revoked. Who reads is proved anew for all streams of one key together, every few
// seconds, and at once when somebody has changed something about keys. A stream that is lost says so in the
// words of its protocol, since what it reads fails with the error, and is cut when it does not end by itself.

import { errorTable, RuntimeError } from "../../runtime/errors.ts";
import { type Authenticator, authorize, withinScope } from "./auth.ts";
import type { Principal, RouteContext } from "./route.ts";

/** Who reads is proved anew so often, ms: the longest that a stream outlives its key. */
export const STREAM_PROOF_MS = 5_000;
/** A stream that was told to end is cut after this time, ms. */
export const STREAM_END_MS = 2_000;

/** Times of a door, ms. Default: the constants. */
export interface StreamTimes {
  readonly proofMs?: number | undefined;
  readonly endMs?: number;
}

interface Stream {
  readonly context: RouteContext;
  /** Ends it where it has not ended by itself. */
  readonly cut: (error: RuntimeError) => void;
  isDismissed: boolean;
}

/** What says who asks: all streams that have it are of one reader. */
const NAMING = ["x-api-key", "authorization", "cookie", "x-tenant"] as const;

/** The streams of one door. */
export class OpenStreams {
  readonly #authenticator: Pick<Authenticator, "again">;
  readonly #proofMs: number;
  readonly #endMs: number;
  readonly #readers = new Map<string, Set<Stream>>();
  #timer: NodeJS.Timeout | null = null;
  #rounds: Promise<void> | null = null;
  #isStale = false;

  constructor(
    authenticator: Pick<Authenticator, "again">,
    { proofMs = STREAM_PROOF_MS, endMs = STREAM_END_MS }: StreamTimes = {},
  ) {
    this.#authenticator = authenticator;
    this.#proofMs = proofMs;
    this.#endMs = endMs;
  }

  /** Writes a stream to its end. @throws what cut it. */
  async run(context: RouteContext, write: () => Promise<void>): Promise<void> {
    let cut: Stream["cut"] = () => undefined;
    const lost = new Promise<never>((_, reject) => {
      cut = reject;
    });
    const stream: Stream = { context, cut, isDismissed: false };
    const reader = readerOf(context);
    this.#add(reader, stream);
    try {
      await Promise.race([write(), lost]);
    } finally {
      this.#remove(reader, stream);
    }
  }

  /** Proves all readers anew; what changes while that is done is seen in one more round. */
  prove(): Promise<void> {
    this.#isStale = true;
    this.#rounds ??= this.#proveAll().finally(() => {
      this.#rounds = null;
    });
    return this.#rounds;
  }

  async #proveAll(): Promise<void> {
    while (this.#isStale) {
      this.#isStale = false;
      // One after the other: it is work beside that of requests.
      for (const streams of [...this.#readers.values()]) await this.#proveOne([...streams]);
    }
  }

  async #proveOne(streams: readonly Stream[]): Promise<void> {
    const [first] = streams;
    if (first === undefined) return;
    let principal: Principal;
    try {
      principal = await this.#authenticator.again(first.context.request);
    } catch (error) {
      for (const stream of streams) this.#end(stream, error);
      return;
    }
    for (const stream of streams) {
      const check = checkReads(stream.context, principal);
      await check.catch((error: unknown) => this.#end(stream, error));
    }
  }

  /** An issuer that cannot be reached, or a store that is closed, says nothing of who reads. */
  #end(stream: Stream, error: unknown): void {
    if (stream.isDismissed || !(error instanceof RuntimeError) || !isLost(error)) return;
    stream.isDismissed = true;
    stream.context.request.dismiss(error);
    setTimeout(() => stream.cut(error), this.#endMs).unref();
  }

  #add(reader: string, stream: Stream): void {
    const streams = this.#readers.get(reader);
    if (streams === undefined) this.#readers.set(reader, new Set([stream]));
    else streams.add(stream);
    this.#timer ??= setInterval(() => void this.prove(), this.#proofMs).unref();
  }

  #remove(reader: string, stream: Stream): void {
    const streams = this.#readers.get(reader);
    streams?.delete(stream);
    if (streams?.size === 0) this.#readers.delete(reader);
    if (this.#readers.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}

const readerOf = ({ request }: RouteContext): string =>
  NAMING.map((name) => request.header(name) ?? "").join("\n");

/** Whether who reads might still ask for it. @throws FORBIDDEN, NOT_FOUND. */
async function checkReads(context: RouteContext, principal: Principal): Promise<void> {
  authorize(principal, context.route);
  const reach = ({ allowedResources }: Principal) => JSON.stringify(allowedResources ?? null);
  if (reach(principal) === reach(context.principal)) return;
  const { request, address, route, params, query, body, bodyBytes, system } = context;
  const now = { request, address, route, params, query, body, bodyBytes, system, principal };
  await withinScope(now, () => undefined);
}

function isLost({ code }: RuntimeError): boolean {
  const { status } = errorTable[code];
  return status === 401 || status === 403 || status === 404;
}
