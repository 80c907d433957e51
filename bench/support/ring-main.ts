// The limit of a message on one thread: a bare loop with a ring a mailbox and a queue of those that
// have mail. No tree, no names, no bounds, no storage.

import { check, type Figures, heapBytes, latencies, measure, rate } from "./workload.ts";

const WINDOW = 512;
const RECEIVERS = 10_000;
const TURNS = 64;
const SLICE_MS = 4;
const SLOTS_FIRST = 4;

type Handler<M> = (actor: Bare<M>, message: M) => void;

interface Ringed<T> {
  slots: (T | undefined)[];
  head: number;
  size: number;
}

function put<T>(ring: Ringed<T>, item: T): void {
  const { slots, head, size } = ring;
  if (size === slots.length) {
    ring.slots = Array.from({ length: slots.length * 2 }, (_, at) => {
      return at < size ? slots[(head + at) & (slots.length - 1)] : undefined;
    });
    ring.head = 0;
  }
  ring.slots[(ring.head + size) & (ring.slots.length - 1)] = item;
  ring.size = size + 1;
}

function take<T>(ring: Ringed<T>): T | undefined {
  if (ring.size === 0) return undefined;
  const item = ring.slots[ring.head];
  ring.slots[ring.head] = undefined;
  ring.head = (ring.head + 1) & (ring.slots.length - 1);
  ring.size -= 1;
  return item;
}

function ring<T>(slots: number): Ringed<T> {
  return { slots: new Array<T | undefined>(slots).fill(undefined), head: 0, size: 0 };
}

class Bare<M> implements Ringed<M> {
  slots: (M | undefined)[] = new Array<M | undefined>(SLOTS_FIRST).fill(undefined);
  head = 0;
  size = 0;
  isReady = false;
  seen = 0;
  readonly handler: Handler<M>;

  constructor(handler: Handler<M>) {
    this.handler = handler;
  }
}

const ready = ring<Bare<never>>(16);
let isScheduled = false;

function tell<M>(to: Bare<M>, message: M): void {
  put(to, message);
  if (to.isReady) return;
  to.isReady = true;
  put(ready, to as unknown as Bare<never>);
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(slice);
}

function slice(): void {
  isScheduled = false;
  const endMs = performance.now() + SLICE_MS;
  for (let turns = 1; ready.size > 0; turns += 1) {
    const actor = take(ready) as Bare<unknown> | undefined;
    if (actor === undefined) return;
    actor.isReady = false;
    for (let taken = 0; taken < TURNS && actor.size > 0; taken += 1) {
      const message = take(actor);
      try {
        actor.handler(actor, message);
      } catch {
        actor.seen = -1;
      }
    }
    if (actor.size > 0 && !actor.isReady) {
      actor.isReady = true;
      put(ready, actor as unknown as Bare<never>);
    }
    if (turns % TURNS !== 0 || performance.now() < endMs) continue;
    if (ready.size === 0 || isScheduled) return;
    isScheduled = true;
    setImmediate(slice);
    return;
  }
}

let handled = 0;
let expected = 0;
let startedMs = 0;
let ended: (figures: Figures) => void = () => undefined;

function count(): void {
  handled += 1;
  if (handled === expected) ended(rate(expected, startedMs));
}

function begin(total: number, first: () => void): Promise<Figures> {
  handled = 0;
  expected = total;
  return new Promise((resolve) => {
    ended = resolve;
    startedMs = performance.now();
    first();
  });
}

const kept: Bare<{ first: number }>[] = [];

await measure({
  "ping-pong": (total) => {
    interface Ball {
      readonly left: number;
      readonly other: Bare<Ball>;
    }
    const play: Handler<Ball> = (self, { left, other }) => {
      count();
      if (left > 0) tell(other, { left: left - 1, other: self });
    };
    const [one, other] = [new Bare(play), new Bare(play)];
    return begin(total, () => tell(one, { left: total - 1, other }));
  },
  "one-to-one": (total) => {
    const consumer = new Bare<{ at: number; from: Bare<{ left: number }> }>((_self, { from }) => {
      count();
      if (handled < total && handled % WINDOW === 0) tell(from, { left: total - handled });
    });
    const producer = new Bare<{ left: number }>((from, { left }) => {
      for (let at = Math.min(left, WINDOW); at > 0; at -= 1) tell(consumer, { at, from });
    });
    return begin(total, () => tell(producer, { left: total }));
  },
  "fan-out": (total) => {
    const receivers = Array.from({ length: RECEIVERS }, () => new Bare<{ round: number }>(count));
    const sender = new Bare<{ round: number }>((self, { round }) => {
      const news = { round };
      for (const receiver of receivers) tell(receiver, news);
      if ((round + 1) * RECEIVERS < total) tell(self, { round: round + 1 });
    });
    return begin(total, () => tell(sender, { round: 0 }));
  },
  spawn: async (total) => {
    const before = heapBytes();
    const figures = await begin(total, () => {
      for (let first = 0; first < total; first += 1) {
        const actor = new Bare<{ first: number }>((self) => {
          self.seen += 1;
          count();
        });
        kept.push(actor);
        tell(actor, { first });
      }
    });
    return { ...figures, bytes: (heapBytes() - before) / total };
  },
  ask: (total) => {
    const actor = new Bare<{ value: number; answer: (value: number) => void }>((_self, message) =>
      message.answer(message.value + 1),
    );
    return latencies(total, async (value) => {
      const asked = new Promise((answer) => {
        put(actor, { value, answer });
        put(ready, actor as unknown as Bare<never>);
        slice();
      });
      check(await asked, value + 1);
    });
  },
});
