// Nodes that wait: for a time, or for something from outside. While nothing else goes on in a run it
// hibernates, and its time stands still: days cost nothing and survive restarts.

import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import { eventKey, isEventName } from "./event-name.ts";
import type { EventNode, SleepNode } from "./graph.ts";
import { shared, waiting } from "./together.ts";
import type { Line } from "./walk.ts";
import { emitWaiting, work } from "./work.ts";

/** Sleeps for its time, or until one; a moment that has passed is no sleep. */
export async function sleepNode(line: Line, node: SleepNode, key: string): Promise<null> {
  const { walk } = line;
  await work(line, node, key, async () => {
    const ms = await sleepMs(line, node, key);
    if (ms === 0) return;
    emitWaiting(line, node, key);
    await waiting(walk, walk.context.sleep(`node:${key}`, ms, { pausing: true }));
  });
  return null;
}

/** Waits for an event, whose value is the result; null when it did not come and the graph goes on. */
export async function eventNode(line: Line, node: EventNode, key: string): Promise<null> {
  const { walk } = line;
  const { context } = walk;
  await work(line, node, key, async () => {
    const name = nameOf(line, node);
    emitWaiting(line, node, key);
    // It comes once in a run: whoever waits for it gets the same.
    const event = shared(walk, eventKey(name), () =>
      context.decision(eventKey(name), { timeoutMs: node.timeoutMs, pausing: true }),
    );
    try {
      return (await waiting(walk, event)) ?? null;
    } catch (error) {
      const isLate = error instanceof RuntimeError && error.code === "DEADLINE";
      if (isLate && node.onTimeout === "continue" && !context.signal.aborted) return null;
      throw error;
    }
  });
  return null;
}

function nameOf(line: Line, node: EventNode): string {
  if (node.key === null) return node.event;
  const name = `${node.event}.${String(node.key(line.state))}`;
  if (isEventName(name)) return name;
  throw new RuntimeError(
    "INVALID",
    `The key of "${node.id}" gives no name of an event (1 to 64 of A-Z a-z 0-9 _ . -).`,
    { pointer: `${node.pointer}/key` },
  );
}

async function sleepMs(line: Line, node: SleepNode, key: string): Promise<number> {
  const pointer = `${node.pointer}/${node.ms === null ? "until" : "ms"}`;
  const given = (node.ms ?? node.until)?.(line.state);
  const isTime = node.ms === null && typeof given === "string";
  const number = isTime ? Date.parse(given) : given;
  if (typeof number !== "number" || !Number.isFinite(number)) {
    throw new RuntimeError("INVALID", `"${node.id}" is given no time to sleep.`, { pointer });
  }
  const ms = node.ms === null ? number - (await line.walk.context.now(`from:${key}`)) : number;
  if (ms <= limits.flowWaitMs) return Math.max(0, Math.ceil(ms));
  const days = limits.flowWaitMs / (24 * 3_600_000);
  throw new RuntimeError("INVALID", `"${node.id}" would sleep more than ${days} days.`, {
    pointer,
  });
}
