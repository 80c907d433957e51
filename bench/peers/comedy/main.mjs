// comedy with actors in memory.

import createSystem from "comedy";
import { check, heapBytes, latencies, measure, rate } from "../measure.mjs";

const WINDOW = 512;
// Its own setting for tests switches its log off, nothing else.
const system = createSystem({ test: true });
const root = await system.rootActor();
const kept = [];

await measure({
  "ping-pong": async (count) => {
    let handled = 0;
    let startedMs = 0;
    let done;
    const ended = new Promise((resolve) => {
      done = resolve;
    });
    const players = [];
    const play = (other) => ({
      ball({ left }) {
        handled += 1;
        if (left > 0) players[other].send("ball", { left: left - 1 });
        else done(rate(count, startedMs));
      },
    });
    players.push(await root.createChild(play(1)), await root.createChild(play(0)));
    startedMs = performance.now();
    players[0].send("ball", { left: count - 1 });
    const figures = await ended;
    check(handled, count);
    return figures;
  },
  "one-to-one": async (count) => {
    let handled = 0;
    let startedMs = 0;
    let done;
    const ended = new Promise((resolve) => {
      done = resolve;
    });
    const consumer = await root.createChild({
      item({ from }) {
        handled += 1;
        if (handled === count) done(rate(count, startedMs));
        else if (handled % WINDOW === 0) from.send("more", { left: count - handled });
      },
    });
    const producer = await root.createChild({
      more({ left }) {
        for (let at = Math.min(left, WINDOW); at > 0; at -= 1) {
          consumer.send("item", { at, from: producer });
        }
      },
    });
    startedMs = performance.now();
    producer.send("more", { left: count });
    return ended;
  },
  "fan-out": async (count) => {
    let handled = 0;
    let rounds = 0;
    let startedMs = 0;
    let done;
    const ended = new Promise((resolve) => {
      done = resolve;
    });
    const receivers = [];
    for (let at = 0; at < 10_000; at += 1) {
      const receiver = await root.createChild({
        item() {
          handled += 1;
          if (handled === count) done(rate(count, startedMs));
        },
      });
      receivers.push(receiver);
    }
    const sender = await root.createChild({
      next() {
        const news = { round: rounds };
        for (const receiver of receivers) receiver.send("item", news);
        rounds += 1;
        if (rounds * receivers.length < count) sender.send("next", {});
      },
    });
    startedMs = performance.now();
    sender.send("next", {});
    return ended;
  },
  spawn: async (count) => {
    let handled = 0;
    let done;
    const ended = new Promise((resolve) => {
      done = resolve;
    });
    const before = heapBytes();
    const startedMs = performance.now();
    for (let at = 0; at < count; at += 1) {
      const state = { seen: 0 };
      const actor = await root.createChild({
        first() {
          state.seen += 1;
          handled += 1;
          if (handled === count) done(rate(count, startedMs));
        },
      });
      kept.push(actor);
      actor.send("first", { first: at });
    }
    const figures = await ended;
    return { ...figures, bytes: (heapBytes() - before) / count };
  },
  ask: async (count) => {
    const actor = await root.createChild({ ask: ({ value }) => value + 1 });
    return latencies(count, async (value) => {
      check(await actor.sendAndReceive("ask", { value }), value + 1);
    });
  },
});
