// The actors of the questions that cross threads. Every worker and main load this one program.

import { type ActorDefinition, defineActor } from "../../runtime/actor.ts";
import type { Address } from "../../runtime/address.ts";
import type { WorkerHost } from "../../runtime/threads/host.ts";

/** Messages the sink has not confirmed yet, in windows of this many. */
export const WINDOW = 1_024;
export const WINDOWS = 4;
/** The body of 64 bytes. */
export const BODY = "0123456789abcdef".repeat(4);
/** What the flooded actor may have waiting. */
export const BACKLOG_MAX = 2_000_000;

/** To the source: send on. */
export interface More {
  readonly left: number;
  readonly sink: Address;
}

/** To the sink. */
export interface Item {
  readonly body: string;
  readonly left: number;
}

/** To the sink from the door: what has come so far? */
export interface Question {
  readonly type: "count";
}

const source = defineActor<null, More>({
  kind: "source",
  version: 1,
  initial: () => null,
  receive(state, { left, sink }, turn) {
    const last = Math.max(0, left - WINDOW);
    for (let at = left; at > last; at -= 1) turn.tell(sink, { body: BODY, left: at - 1 });
    return state;
  },
});

/** Counted in memory: what is told is not kept. */
const seen = new Map<Address, { count: number; firstMs: number; lastMs: number }>();

const sink = defineActor<null, Item | Question>({
  kind: "sink",
  version: 1,
  mailboxMax: WINDOW * WINDOWS * 2,
  initial: () => null,
  receive(state, message, turn) {
    const now = seen.get(turn.self) ?? { count: 0, firstMs: performance.now(), lastMs: 0 };
    seen.set(turn.self, now);
    if (!("left" in message)) {
      turn.reply({ count: now.count, ms: now.lastMs - now.firstMs });
      return state;
    }
    now.count += 1;
    if (message.left === 0) now.lastMs = performance.now();
    if (now.count % WINDOW === 0 && turn.from !== null) {
      const left = message.left - (WINDOWS - 1) * WINDOW;
      if (left > 0) turn.tell(turn.from, { left, sink: turn.self });
    }
    return state;
  },
});

const answerer = defineActor<null, number>({
  kind: "answerer",
  version: 1,
  initial: () => null,
  receive(state, value, turn) {
    turn.reply(value + 1);
    return state;
  },
});

const FLOOD_A_TURN = 1_000;
/** Work of one flooded message: some microseconds, so that the backlog lasts. */
const SUMS = 4_000;

const flooder = defineActor<null, { left: number; to: Address }>({
  kind: "flooder",
  version: 1,
  initial: () => null,
  receive(state, { left, to }, turn) {
    const now = Math.min(left, FLOOD_A_TURN);
    for (let at = 0; at < now; at += 1) turn.tell(to, at);
    if (left > now) turn.tell(turn.self, { left: left - now, to });
    return state;
  },
});

let sums = 0;
const flooded = defineActor<null, number>({
  kind: "flooded",
  version: 1,
  mailboxMax: BACKLOG_MAX,
  initial: () => null,
  receive(state, message) {
    for (let at = 0; at < SUMS; at += 1) sums = (sums + at * message) | 0;
    return state;
  },
});

/** The program. */
export const program: WorkerHost = {
  definitions: [source, sink, answerer, flooder, flooded] as unknown as ActorDefinition[],
  createPorts: () => ({}),
};
