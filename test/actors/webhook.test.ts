// When a run's end is told again, and until when: on virtual time, through crashes.

import { expect, test } from "vitest";
import { startWebhooks, webhookRun } from "../../actors/webhook.ts";
import type { WebhookEvent, Webhooks } from "../../actors/webhooks.ts";
import { type Definition, defineActor, type RunEnded } from "../../runtime/actor.ts";
import { address } from "../../runtime/address.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";

const HOUR_MS = 3_600_000;
const event = { run: "rn_1", status: "completed" } as WebhookEvent;

const desk = defineActor<readonly RunEnded[], { readonly type: "start" | "ends" } | RunEnded>({
  kind: "desk",
  version: 1,
  initial: () => [],
  receive(state, message, turn) {
    if (message.type === "run-ended") return [...state, message];
    if (message.type === "start") startWebhooks(turn, ["http://receiver/"], event);
    turn.reply(state);
    return state;
  },
});
const at = address({ kind: "desk", tenant: "tn_1", root: "d" });

/** A receiver with an answer for each delivery, the last one for all after; and when each came, ms. */
async function told(answers: readonly (number | Error)[], retryAfterMs = 0) {
  const times: number[] = [];
  const ids = new Set<string>();
  let system: TestSystem;
  const webhooks: Webhooks = {
    deliver: async (call) => {
      times.push(system.schedule.nowMs);
      if ("run" in call.event) ids.add(call.event.run);
      const answer = answers[Math.min(times.length, answers.length) - 1] ?? 204;
      if (answer instanceof Error) throw answer;
      return { status: answer, retryAfterMs };
    },
  };
  const definitions = [desk, webhookRun] as unknown as Definition[];
  system = new TestSystem({ seed: 1, definitions, ports: { webhooks }, workers: 1 });
  await system.start();
  const say = async (type: "start" | "ends"): Promise<readonly RunEnded[]> => {
    const asked = system.ask(at, { type });
    await system.schedule.advance(1_000);
    return (await asked) as readonly RunEnded[];
  };
  const beganMs = system.schedule.nowMs;
  await say("start");
  const waits = () =>
    times.map((time, place) => Math.round((time - (times[place - 1] ?? beganMs)) / 1_000));
  return { system, times, ids, waits, outcome: async () => (await say("ends"))[0]?.outcome };
}

test("it is told again after 5 s, 30 s, 2 min, 10 min, 1 h, 6 h and 16 h, then given up", async () => {
  const { system, waits, outcome } = await told([500]);

  await system.schedule.advance(30 * HOUR_MS);

  expect(waits()).toEqual([0, 5, 30, 120, 600, 3_600, 6 * 3_600, 16 * 3_600]);
  expect(await outcome()).toMatchObject({
    status: "failed",
    error: { code: "WEBHOOK_FAILED", message: expect.stringContaining("status 500") },
  });
});

test("an answer of 2xx ends it; no answer at all is one more reason to tell it again", async () => {
  const { system, times, outcome } = await told([new Error("no route"), 302, 200]);

  await system.schedule.advance(HOUR_MS);

  expect(times).toHaveLength(3);
  expect(await outcome()).toMatchObject({ status: "completed", result: { attempts: 3 } });
});

test("who wants to be left alone longer is, and who is gone is told no more", async () => {
  const patient = await told([429, 204], 60_000);
  const gone = await told([410]);

  await patient.system.schedule.advance(HOUR_MS);
  await gone.system.schedule.advance(HOUR_MS);

  expect(patient.waits()).toEqual([0, 60]);
  expect(gone.times).toHaveLength(1);
  expect(await gone.outcome()).toMatchObject({ status: "failed" });
});

test("after a crash in the middle of its waits it goes on where it was", async () => {
  const { system, times, ids, outcome } = await told([500, 500, 204]);

  await system.schedule.advance(10_000);
  system.crash("power");
  await system.start();
  await system.schedule.advance(HOUR_MS);

  expect(times.length).toBeGreaterThanOrEqual(3);
  expect([...ids]).toEqual(["rn_1"]);
  expect(await outcome()).toMatchObject({ status: "completed" });
});
