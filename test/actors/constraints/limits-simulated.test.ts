// Limits of an agent's run under seeded schedules: three runs below it that call models and tools side by side,
// and a process or a machine that dies at each write in turn. What went out is counted outside of it all.

import { expect, test } from "vitest";
import { keptWithin } from "../../../actors/constraints/limited.ts";
import { LimitedContext } from "../../../actors/constraints/limited-context.ts";
import { countCalls } from "../../../actors/constraints/tool-calls.ts";
import { promptTokensLikely } from "../../../actors/money/bound.ts";
import { createPrices, operationPricesMicros } from "../../../actors/money/catalogue.ts";
import { purseAddress } from "../../../actors/money/messages.ts";
import type { LlmRequest, Usage } from "../../../actors/ports.ts";
import { purseActor } from "../../../actors/purse.ts";
import { metered } from "../../../actors/spend.ts";
import type { TurnReference } from "../../../actors/turn-input.ts";
import { defineActor, defineRun, type Outcome, type RunContext } from "../../../runtime/actor.ts";
import { type Address, address } from "../../../runtime/address.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { decode } from "../../../runtime/store/codec.ts";
import { keys } from "../../../runtime/store/keys.ts";
import type { WriteStage } from "../../../runtime/store/memory.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import { TestSystem } from "../../../runtime/testkit/test-system.ts";

const tenant = "tn_1";
const root = "cv_1";
const RUN = "rn_00000000000000000000000001";
const HELPERS = 3;
const limits = { max_tokens: 4_000, max_steps: 9, max_tool_calls: 5, max_cost: 1 };
const payer = { agent: "ag_1", keyId: null };
const price = { inputMicros: 1_000_000, outputMicros: 1_000_000 };
const prices = createPrices({
  ...{ unit: "credits", operations: operationPricesMicros, models: { priced: price } },
  ...{ defaultModel: "priced", hasProviders: true },
});

/** What has gone out. */
interface World {
  readonly calls: { readonly key: string; readonly tokens: number }[];
  readonly tools: Set<string>;
  ended: Outcome | null;
}

interface SimPorts {
  readonly clock: Clock;
  readonly world: World;
  readonly random: () => number;
}

type Context = RunContext<SimPorts>;

const request: LlmRequest = {
  ...{ model: "priced", stream: false, maxTokens: 900 },
  messages: [{ role: "user", content: "Say something, whatever it is." }],
};

const wait = ({ ports }: Context): Promise<void> =>
  new Promise((resolve) => ports.clock.after(1 + Math.floor(ports.random() * 30), resolve));

/** Calls a model and two tools, again and again, until a limit ends it. */
const helper = defineRun<TurnReference, object, SimPorts>({
  kind: "helper",
  run: (input, given) =>
    keptWithin(given as never, input, (context) =>
      metered(context, payer, async (meter) => {
        const within = context as unknown as Context;
        const { world, random } = within.ports;
        for (let round = 1; round <= 6; round += 1) {
          const key = `model:${round}`;
          await meter.budgets.pay(key, request, (paid) =>
            context.step(
              key,
              async (attempt) => {
                meter.reserve(key, 10, attempt.number, "priced");
                const completionTokens = Math.floor(random() * ((paid.maxTokens ?? 0) + 1));
                const promptTokens = promptTokensLikely(request);
                const usage: Usage = { promptTokens, completionTokens };
                world.calls.push({ key, tokens: promptTokens + completionTokens });
                await wait(within);
                return { usage };
              },
              { repeat: "safe" },
            ),
          );
          const { granted, error } = await countCalls(context, `tool:${round}`, 2);
          for (let at = 1; at <= granted; at += 1) {
            const name = `tool:${round}.${at}`;
            world.tools.add(`${context.id}/${name}`);
            await context.step(name, () => wait(within), { repeat: "safe" });
          }
          if (error !== null) throw error;
        }
        return {};
      }),
    ),
});

/** An agent's run: what its helpers fail with ends it. */
const boss = defineRun<object, object, SimPorts>({
  kind: "boss",
  run: async (_input, given) => {
    const context = new LimitedContext(given as never, [
      { run: given.id, agent: "ag_1", limits: { ...limits } },
    ]);
    const over = { type: "unlimit", run: given.id };
    context.sendAtEnd("limits-over", purseAddress(context.self), over);
    const outcomes = await Promise.all(
      Array.from({ length: HELPERS }, (_, at) =>
        context.child(`helper:${at}`, { kind: "helper", input: {} }),
      ),
    );
    return { outcomes };
  },
});

type DeskMessage = { readonly type: "start" } | { type: "run-ended"; outcome: Outcome };

const ENDS = "ends";
const desk = defineActor<null, DeskMessage>({
  kind: "desk",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    if (message.type === "start") turn.startRun({ kind: "boss", id: RUN, input: {} });
    else turn.putRow(ENDS, RUN, message.outcome);
    if (message.type === "start") turn.reply(null);
    return state;
  },
});

const deskAt: Address = address({ kind: "desk", tenant, root });

/** Runs it with a death at one write. @returns how many writes there were. */
interface Death {
  readonly at: number;
  readonly stage: WriteStage;
  readonly kind: "process" | "power";
}

const stages: readonly WriteStage[] = ["writing", "committed", "flushing", "flushed"];

async function ran(seed: number, death: Death | null) {
  const world: World = { calls: [], tools: new Set(), ended: null };
  const random = seeded(seed + 3);
  const llm = { isBuiltin: () => false, windowOf: () => 128_000, takesImages: () => false };
  let writes = 0;
  let isDown = false;
  let isDead = false;
  const system: TestSystem = new TestSystem({
    ...{ seed, workers: 2, delayMs: 5, flushMs: 0, reads: "at once" as const },
    definitions: [purseActor, desk, boss, helper] as never,
    portsFor: ({ clock }) => ({ llm, prices, clock, world, random }),
    onWrite(write, stage) {
      writes = Math.max(writes, write);
      if (isDead || death === null || write !== death.at || stage !== death.stage) return;
      isDead = true;
      isDown = true;
      system.crash(death.kind);
    },
  });
  await system.start();
  const key = { source: "http", key: RUN, bodyHash: RUN, hours: 24 };
  const send = (): void => {
    system.ask(deskAt, { type: "start" }, key).catch(() => undefined);
  };
  const rows = (prefix: string) => system.disk.rows.filter((one) => one.key.startsWith(prefix));
  const isDone = (): boolean => rows(keys.table(tenant, ENDS, RUN)).length > 0;
  for (let life = 1; life <= 2; life += 1) {
    send();
    await system.schedule.until(() => isDown || isDone(), 3_600_000);
    // It may die when all is done and not yet on the disk.
    if (!isDown) await system.schedule.advance(5_000);
    if (!isDown) break;
    isDown = false;
    await system.start();
  }
  expect(isDone()).toBe(true);
  const [row] = rows(keys.state(address({ kind: "purse", tenant, root })));
  const purse = row === undefined ? null : (decode(row.value) as { readonly state: unknown }).state;
  return { world, writes, purse };
}

const tokensOf = ({ calls }: World): number => calls.reduce((sum, { tokens }) => sum + tokens, 0);

test("what runs below an agent's run use together stays within its limits, to the last call", async () => {
  for (let seed = 0; seed < 20; seed += 1) {
    const { world, purse } = await ran(seed, null);

    expect(tokensOf(world)).toBeLessThanOrEqual(limits.max_tokens);
    expect(world.calls.length).toBeLessThanOrEqual(limits.max_steps);
    expect(world.tools.size).toBe(limits.max_tool_calls);
    expect(purse).toBeNull();
  }
});

test.each(["process", "power"] as const)(
  "a death of the %s at any write lets none of them be passed",
  async (kind) => {
    const { writes } = await ran(1, null);
    expect(writes).toBeGreaterThan(8);
    for (let number = 0; number < writes * stages.length; number += 1) {
      const [at, stage] = [1 + Math.floor(number / stages.length), stages[number % stages.length]];
      if (stage === undefined) continue;
      const { world, purse } = await ran(1, { at, stage, kind });
      const where = `write ${at}, ${stage}`;

      // What a loss of power takes with it, it takes with the record of what was done.
      if (kind === "process") {
        expect(tokensOf(world), where).toBeLessThanOrEqual(limits.max_tokens);
        expect(world.calls.length, where).toBeLessThanOrEqual(limits.max_steps);
      }
      expect(world.tools.size, where).toBeLessThanOrEqual(limits.max_tool_calls);
      expect(purse, where).toBeNull();
    }
  },
  60_000,
);
