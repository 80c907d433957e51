// A door that is not open yet: while the process before still has the data folder, what arrives waits, so
// that a restart refuses nobody. How much waits is bounded; what comes on top is told to come again.

import { RuntimeError } from "../../../runtime/errors.ts";
import { settleable } from "../../../runtime/shared/settleable.ts";
import { EAGER_BODY_BYTES, fallbackReply } from "../exchange.ts";
import { healthReply, isHealth } from "../health.ts";
import type { FrontDoor, HttpRequest, HttpResponse, SocketHandler } from "../server.ts";

/** What may wait. */
export const heldLimits = {
  requestsMax: 10_000,
  /** Of their bodies, as far as they are read before somebody asks for them. */
  bytesMax: 64 * 1024 * 1024,
  /** As long at most, ms. The other process gives the data folder up within two seconds. */
  waitMs: 20_000,
} as const;

const RETRY_AFTER_MS = 1_000;

/** A door that is opened once. */
export interface HeldDoor {
  readonly door: FrontDoor;
  /** What waits goes there, and everything from now on. @returns the longest time of what waited, ms. */
  open(to: FrontDoor): number;
}

/** Makes one. */
export function createHeldDoor(
  limits: Readonly<Record<keyof typeof heldLimits, number>>,
): HeldDoor {
  const opened = settleable<FrontDoor>();
  let to: FrontDoor | null = null;
  const held = { requests: 0, bytes: 0 };
  /** Since when the oldest of them waits. */
  const since = new Set<number>();

  /** @throws SHUTTING_DOWN when too much waits, or too long. */
  async function wait(request: HttpRequest): Promise<FrontDoor> {
    const bytes = bytesOf(request);
    if (held.requests >= limits.requestsMax) throw full(`${held.requests} requests`);
    if (held.bytes + bytes > limits.bytesMax) throw full(`${held.bytes} bytes of requests`);
    held.requests += 1;
    held.bytes += bytes;
    const fromMs = performance.now();
    since.add(fromMs);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(full(`this one for ${limits.waitMs} ms`)), limits.waitMs);
    });
    try {
      return await Promise.race([opened.promise, late]);
    } finally {
      clearTimeout(timer);
      held.requests -= 1;
      held.bytes -= bytes;
      since.delete(fromMs);
    }
  }

  return {
    door: {
      handle: (request) => {
        if (to !== null) return to.handle(request);
        const { path, method } = request;
        return isHealth(path, method) ? healthReply(path, "starting") : handled(request);
      },
      upgrade: (request) => to?.upgrade(request) ?? upgraded(request),
    },
    open: (door) => {
      to = door;
      opened.resolve(door);
      const [oldest] = since;
      return oldest === undefined ? 0 : performance.now() - oldest;
    },
  };

  async function handled(request: HttpRequest): Promise<HttpResponse> {
    try {
      return await (await wait(request)).handle(request);
    } catch (error) {
      return fallbackReply(error, request.id);
    }
  }

  async function upgraded(request: HttpRequest): Promise<SocketHandler | HttpResponse> {
    try {
      return await (await wait(request)).upgrade(request);
    } catch (error) {
      return fallbackReply(error, request.id);
    }
  }
}

/** A body of unknown length counts as what is read of any before it is asked for. */
function bytesOf(request: HttpRequest): number {
  const declared = request.header("content-length");
  if (declared !== undefined) return Math.min(Number(declared) || 0, EAGER_BODY_BYTES);
  return request.header("transfer-encoding") === undefined ? 0 : EAGER_BODY_BYTES;
}

function full(what: string): RuntimeError {
  const text = `The server restarts, and ${what} wait for it: the limit. Send it again in a second.`;
  return new RuntimeError("SHUTTING_DOWN", text, { retryAfterMs: RETRY_AFTER_MS });
}
