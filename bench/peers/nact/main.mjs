// nact: one message a macrotask, an untyped mailbox, supervision by its default policy.

import { dispatch, query, spawn, start } from "nact";
import { check, heapBytes, latencies, measure, rate } from "../measure.mjs";

const WINDOW = 512;
const system = start();
const kept = [];
let names = 0;
const name = () => {
  names += 1;
  return `a${names}`;
};

await measure({
  "ping-pong": (count) =>
    new Promise((resolve) => {
      let handled = 0;
      let startedMs = 0;
      const players = [];
      const play = (other) => (state, message) => {
        handled += 1;
        if (message.left > 0) dispatch(players[other], { left: message.left - 1 });
        else {
          check(handled, count);
          resolve(rate(count, startedMs));
        }
        return state;
      };
      players.push(spawn(system, play(1), name()), spawn(system, play(0), name()));
      startedMs = performance.now();
      dispatch(players[0], { left: count - 1 });
    }),
  "one-to-one": (count) =>
    new Promise((resolve) => {
      let handled = 0;
      const consumer = spawn(
        system,
        (state, message) => {
          handled += 1;
          if (handled === count) resolve(rate(count, startedMs));
          else if (handled % WINDOW === 0) dispatch(message.from, { left: count - handled });
          return state;
        },
        name(),
      );
      const producer = spawn(
        system,
        (state, { left }) => {
          for (let at = Math.min(left, WINDOW); at > 0; at -= 1) {
            dispatch(consumer, { at, from: producer });
          }
          return state;
        },
        name(),
      );
      const startedMs = performance.now();
      dispatch(producer, { left: count });
    }),
  "fan-out": (count) =>
    new Promise((resolve) => {
      let handled = 0;
      let rounds = 0;
      const receivers = Array.from({ length: 10_000 }, () =>
        spawn(
          system,
          (state) => {
            handled += 1;
            if (handled === count) resolve(rate(count, startedMs));
            return state;
          },
          name(),
        ),
      );
      const sender = spawn(
        system,
        (state) => {
          const news = { round: rounds };
          for (const receiver of receivers) dispatch(receiver, news);
          rounds += 1;
          if (rounds * receivers.length < count) dispatch(sender, {});
          return state;
        },
        name(),
      );
      const startedMs = performance.now();
      dispatch(sender, {});
    }),
  spawn: async (count) => {
    const before = heapBytes();
    const figures = await new Promise((resolve) => {
      let handled = 0;
      const startedMs = performance.now();
      for (let at = 0; at < count; at += 1) {
        const actor = spawn(
          system,
          (state) => {
            handled += 1;
            if (handled === count) resolve(rate(count, startedMs));
            return { seen: state.seen + 1 };
          },
          name(),
          { initialState: { seen: 0 } },
        );
        kept.push(actor);
        dispatch(actor, { first: at });
      }
    });
    return { ...figures, bytes: (heapBytes() - before) / count };
  },
  ask: (count) => {
    const actor = spawn(
      system,
      (state, message) => {
        dispatch(message.from, { answer: message.value + 1 });
        return state;
      },
      name(),
    );
    return latencies(count, async (value) => {
      const { answer } = await query(actor, (from) => ({ from, value }), 30_000);
      check(answer, value + 1);
    });
  },
});
