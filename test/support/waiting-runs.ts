// Runs that wait for everything a run can wait for, for tests of hibernation.

import { type Definition, defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import type { Frame } from "../../runtime/frame.ts";
import type { TestSystem } from "../../runtime/testkit/test-system.ts";

export const TENANT = "tn_1";
export const MINUTE_MS = 60_000;
export const LONG_MS = 120 * MINUTE_MS;

export type Plan = "sleep" | "decide" | "ask" | "family" | "busy" | "steered";
type DeskMessage =
  | { type: "start"; plan: Plan }
  | { type: "cancel"; run: string }
  | { type: "steer"; run: string; value: unknown }
  | RunEnded;

export const deskAt = (root: string): Address => address({ kind: "desk", tenant: TENANT, root });
const slowAt = (root: string): Address => address({ kind: "slow", tenant: TENANT, root });

const desk = defineActor<{ ended: Record<string, string> }, DeskMessage>({
  kind: "desk",
  version: 1,
  initial: () => ({ ended: {} }),
  receive(state, message, turn) {
    switch (message.type) {
      case "start": {
        const run = turn.startRun({ kind: "work", input: message.plan, timeoutMs: 2 * LONG_MS });
        turn.reply({ run }, { follow: run });
        return state;
      }
      case "cancel":
        turn.cancelRun(message.run, "not wanted");
        turn.reply("ok");
        return state;
      case "steer":
        turn.steerRun(message.run, message.value);
        turn.reply("ok");
        return state;
      case "run-ended": {
        const { outcome } = message;
        const how = outcome.status === "completed" ? String(outcome.result) : outcome.error.code;
        return { ended: { ...state.ended, [message.run]: how } };
      }
    }
  },
});

/** Answers an ask with the end of a run of its own, a while later. */
const slow = defineActor<null, { type: "question" } | RunEnded>({
  kind: "slow",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    if (message.type === "question") {
      const run = turn.startRun({ kind: "thinking", input: null });
      turn.reply({ run }, { follow: run });
    } else turn.reply("the answer");
    return state;
  },
});

/**
 * Definitions whose runs wait for everything there is, and note the calls of their steps.
 * `dayMs`: the longest wait.
 */
export function waitingWork(calls: string[], dayMs: number = LONG_MS): readonly Definition[] {
  const thinking = defineRun<null, null, unknown>({
    kind: "thinking",
    async run(_, context) {
      await context.sleep("think", 2 * MINUTE_MS);
      return null;
    },
  });
  const part = defineRun<string, string, unknown>({
    kind: "part",
    async run(name, context) {
      await context.sleep("nap", name === "a" ? 5 * MINUTE_MS : 10 * MINUTE_MS);
      return context.step(`part:${name}`, () => void calls.push(`part:${name}`) as never, {
        repeat: "safe",
      });
    },
  });
  const work = defineRun<Plan, string, unknown>({
    kind: "work",
    async run(plan, context) {
      await context.step("first", () => void calls.push(`${plan}:first`), { repeat: "safe" });
      context.emit("begun", { type: "begun", plan });
      switch (plan) {
        case "sleep":
          await context.sleep("long", dayMs);
          await context.step("last", () => void calls.push(`${plan}:last`));
          return "slept";
        case "decide":
          return String(await context.decision("ok", { timeoutMs: dayMs }));
        case "ask":
          return String(
            await context.ask("question", slowAt("s"), { type: "question" }, { timeoutMs: dayMs }),
          );
        case "family": {
          const parts = ["a", "b"].map((input) =>
            context.child(input, { kind: "part", input, timeoutMs: dayMs }),
          );
          return (await Promise.all(parts)).map(({ status }) => status).join("+");
        }
        case "busy": {
          const stuck = context.step(
            "stuck",
            () => new Promise<string>((resolve) => setTimeout(resolve, 2 ** 30, "").unref()),
            { repeat: "safe", timeoutMs: 5 * MINUTE_MS, retry: { times: 0, minMs: 1, maxMs: 1 } },
          );
          return Promise.race([context.sleep("long", dayMs), stuck]).then(
            () => "slept",
            (error: RuntimeError) => error.code,
          );
        }
        case "steered":
          for (let turn = 1; ; turn += 1) {
            await context.sleep(`wait:${turn}`, 10 * MINUTE_MS);
            const said = await context.steered(`${turn}`);
            if (said.length > 0) return said.join(" ");
          }
      }
    },
  });
  return [desk, slow, thinking, part, work];
}

/** The end of a run that has ended or will within `ms`. */
export async function endOf(
  system: TestSystem,
  run: string,
  ms = 1_000,
  root = "d",
): Promise<Frame> {
  const frames = system.follow({ tenant: TENANT, root, run });
  await system.schedule.advance(ms);
  return (await frames).at(-1) as Frame;
}

/** Stored keys of a family. */
export const keysOf = (system: TestSystem, prefix: string): string[] =>
  system.disk.rows.map(({ key }) => key).filter((key) => key.startsWith(prefix));
