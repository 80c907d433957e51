// xstate with transition functions, its fastest form: a message is handled on the sender's stack.

import { createActor, fromTransition } from "xstate";
import { check, heapBytes, latencies, measure, rate } from "../measure.mjs";

const WINDOW = 512;
const kept = [];
const actorOf = (transition, initial = { seen: 0 }) =>
  createActor(fromTransition(transition, initial)).start();

await measure({
  "ping-pong": (count) => {
    let handled = 0;
    const players = [];
    const play = (other) => (state, event) => {
      handled += 1;
      if (event.left > 0) players[other].send({ type: "ball", left: event.left - 1 });
      return state;
    };
    players.push(actorOf(play(1)), actorOf(play(0)));
    const startedMs = performance.now();
    players[0].send({ type: "ball", left: count - 1 });
    check(handled, count);
    return rate(count, startedMs);
  },
  "one-to-one": (count) => {
    let handled = 0;
    const consumer = actorOf((state, event) => {
      handled += 1;
      if (handled < count && handled % WINDOW === 0) {
        event.from.send({ type: "more", left: count - handled });
      }
      return state;
    });
    const producer = actorOf((state, { left }, { self }) => {
      for (let at = Math.min(left, WINDOW); at > 0; at -= 1) {
        consumer.send({ type: "item", at, from: self });
      }
      return state;
    });
    const startedMs = performance.now();
    producer.send({ type: "more", left: count });
    check(handled, count);
    return rate(count, startedMs);
  },
  "fan-out": (count) => {
    let handled = 0;
    const receivers = Array.from({ length: 10_000 }, () =>
      actorOf((state) => {
        handled += 1;
        return state;
      }),
    );
    const sender = actorOf((state, { round }) => {
      const news = { type: "item", round };
      for (const receiver of receivers) receiver.send(news);
      return state;
    });
    const startedMs = performance.now();
    for (let round = 0; round * receivers.length < count; round += 1) {
      sender.send({ type: "next", round });
    }
    check(handled, count);
    return rate(count, startedMs);
  },
  spawn: (count) => {
    let handled = 0;
    const transition = (state) => {
      handled += 1;
      return { seen: state.seen + 1 };
    };
    const before = heapBytes();
    const startedMs = performance.now();
    for (let first = 0; first < count; first += 1) {
      const actor = actorOf(transition);
      kept.push(actor);
      actor.send({ type: "first", first });
    }
    check(handled, count);
    const figures = rate(count, startedMs);
    return { ...figures, bytes: (heapBytes() - before) / count };
  },
  ask: (count) => {
    const actor = actorOf((state, event) => {
      event.answer(event.value + 1);
      return state;
    });
    return latencies(count, async (value) => {
      const answer = await new Promise((answer) => actor.send({ type: "ask", value, answer }));
      check(answer, value + 1);
    });
  },
});
