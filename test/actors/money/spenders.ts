// Runs that spend within budgets, on a simulated system: a model whose true costs are counted where no
// crash reaches, several workers, and faults at any write. What was spent can be held against what the
// budgets say.

import { Marks } from "../../../actors/money/ahead.ts";
import { promptTokensMax } from "../../../actors/money/bound.ts";
import {
  createPrices,
  operationPricesMicros,
  spendMicros,
} from "../../../actors/money/catalogue.ts";
import { treasuryAddress } from "../../../actors/money/messages.ts";
import { treasuryActor } from "../../../actors/money/treasury.ts";
import type { LlmRequest, Usage } from "../../../actors/ports.ts";
import { purseActor } from "../../../actors/purse.ts";
import { type Budget, budgetCounters, budgetTables } from "../../../actors/records/budget.ts";
import { metered } from "../../../actors/spend.ts";
import { defineActor, defineRun, type RunContext } from "../../../runtime/actor.ts";
import { type Address, address } from "../../../runtime/address.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { decode, decodeCounter } from "../../../runtime/store/codec.ts";
import { keys } from "../../../runtime/store/keys.ts";
import type { WriteStage } from "../../../runtime/store/memory.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import { TestSystem } from "../../../runtime/testkit/test-system.ts";

export const tenant = "tn_1";
const ENDS = "ends";
const price = { inputMicros: 1_000_000, outputMicros: 2_000_000 };
const prices = createPrices({
  unit: "credits",
  operations: operationPricesMicros,
  models: { priced: price },
  defaultModel: "priced",
  hasProviders: true,
});

/** What a run is to do. */
export interface SpenderInput {
  readonly calls: number;
  readonly maxTokens: number;
  readonly agent: string;
  readonly keyId: string;
}

/** What the world outside knows, whatever dies inside. */
export interface World {
  /** Calls that went out: what each cost, by whom. */
  readonly spent: {
    readonly micros: number;
    readonly run: string;
    readonly agent: string;
    readonly keyId: string;
    readonly root: string;
    /** Key of the call in its run. */
    readonly call: string;
  }[];
  /** Refusals, with what had been spent by then. */
  readonly refusals: {
    readonly needMicros: number;
    readonly limit: number;
    readonly left: number;
    readonly scope: string;
    readonly spentMicros: number;
  }[];
  /** How often a provider fails, reports more than it was asked for, and takes all that it may. */
  readonly faults: Readonly<Record<"fail" | "cut" | "over" | "full", number>>;
}

interface SpenderPorts {
  readonly clock: Clock;
  readonly world: World;
  readonly random: () => number;
  isAlive(): boolean;
}

type Context = RunContext<SpenderPorts>;

const request = (input: SpenderInput, text: string): LlmRequest => ({
  model: "priced",
  messages: [{ role: "user", content: text }],
  maxTokens: input.maxTokens,
  stream: false,
});

/** One call of the model: what it costs is decided, and counted, when it is asked. */
async function ask(
  context: Context,
  input: SpenderInput,
  { asked, call }: { readonly asked: LlmRequest; readonly call: string },
): Promise<{ readonly text: string; readonly usage: Usage }> {
  const { clock, world, random } = context.ports;
  const { fail, cut, over, full } = world.faults;
  const most = asked.maxTokens ?? 0;
  const some = { prompt: 4 + Math.floor(random() * 4), answer: Math.floor(random() * (most + 1)) };
  const isFull = full > 0 && random() < full;
  const completionTokens = (isFull ? most : some.answer) + (random() < over ? most : 0);
  const usage = { promptTokens: isFull ? promptTokensMax(asked) : some.prompt, completionTokens };
  const isRefused = random() < fail;
  if (!isRefused) {
    const { agent, keyId } = input;
    const root = context.self.split("/")[1] ?? "";
    const micros = spendMicros(price, usage);
    world.spent.push({ micros, run: context.id, agent, keyId, root, call });
  }
  await new Promise<void>((resolve) => clock.after(1 + Math.floor(random() * 40), resolve));
  if (isRefused) throw new RuntimeError("PROVIDER_FAILED", "No.", { status: 400 });
  if (random() < cut) throw new RuntimeError("PROVIDER_UNAVAILABLE", "Cut.");
  return { text: "x", usage };
}

const spender = defineRun<SpenderInput, object, SpenderPorts>({
  kind: "spender",
  run: (input, context) =>
    metered(context as never, input, async (meter) => {
      for (let call = 1; call <= input.calls; call += 1) {
        const key = `model:${call}`;
        try {
          await meter.budgets.pay(key, request(input, "hello"), (paid) =>
            context.step(
              key,
              async (attempt) => {
                meter.reserve(key, 4, attempt.number, paid.model);
                await meter.budgets.attempts(key)?.begin();
                try {
                  return await ask(context, input, { asked: paid, call: key });
                } catch (error) {
                  meter.budgets.attempts(key)?.failed(error, true);
                  throw error;
                }
              },
              { repeat: "safe", retry: { times: 1, minMs: 5, maxMs: 10 } },
            ),
          );
        } catch (error) {
          if (!(error instanceof RuntimeError) || context.signal.aborted) throw error;
          if (error.code === "BUDGET_EXHAUSTED") noteRefusal(context, error);
          if (error.code !== "PROVIDER_FAILED" && error.code !== "PROVIDER_UNAVAILABLE")
            throw error;
        }
      }
      return {};
    }),
});

function noteRefusal({ ports }: Context, { details }: RuntimeError): void {
  const limit = details?.["limit"] as
    | {
        readonly needed: number;
        readonly limit: number;
        readonly left: number;
        readonly scope: string;
      }
    | undefined;
  if (limit === undefined) return;
  const { world } = ports;
  const spentMicros = world.spent.reduce((sum, one) => sum + one.micros, 0);
  const { needed, left, scope } = limit;
  world.refusals.push({
    ...{ needMicros: needed * 1_000_000, left: left * 1_000_000, scope, spentMicros },
    limit: limit.limit * 1_000_000,
  });
}

type DeskMessage =
  | { readonly type: "start"; readonly id: string; readonly input: SpenderInput }
  | { readonly type: "cancel"; readonly id: string }
  | {
      readonly type: "run-ended";
      readonly run: string;
      readonly outcome: { readonly status: string };
    };

const desk = defineActor<null, DeskMessage>({
  kind: "desk",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    if (message.type === "run-ended") {
      turn.putRow(ENDS, message.run, message.outcome.status);
      return state;
    }
    if (message.type === "cancel") turn.cancelRun(message.id, "asked");
    else {
      const { id, input } = message;
      turn.startRun({ kind: "spender", id, input });
    }
    turn.reply(null);
    return state;
  },
});

export const deskAt = (root: string): Address => address({ kind: "desk", tenant, root });

export const rootAt = (at: number): string => `cv_${at}`;

/** Ids as they are, so that they can be checked where they are read. */
export const bd = (name: string): string => `bd_${name.padEnd(26, "0")}`;

/** What calls that fit have spent. */
export const over = (world: World, fits: (one: World["spent"][number]) => boolean): number =>
  world.spent.filter(fits).reduce((sum, { micros }) => sum + micros, 0);

/** A system of spenders. */
export function spendersOn(options: {
  readonly seed: number;
  readonly world: World;
  readonly workers?: number;
  readonly onWrite?: (write: number, stage: WriteStage) => void;
  /** Start of the machine; null: calls wait for their flush. */
  readonly bootOf?: () => string | null;
  /** What a flush takes. Default: some ms. */
  readonly flushMs?: number;
}): TestSystem {
  const { seed, world, workers = 2, onWrite, bootOf = () => null, flushMs = 0 } = options;
  const random = seeded(seed * 7 + 1);
  const llm = {
    isBuiltin: () => false,
    windowOf: () => 128_000,
    takesImages: () => false,
  };
  return new TestSystem({
    seed,
    workers,
    ...{ delayMs: 5, flushMs },
    reads: "at once",
    definitions: [purseActor, treasuryActor, desk, spender] as never,
    portsFor: ({ clock, isAlive }) => {
      const marks = new Marks(bootOf());
      return { llm, prices, clock, isAlive, world, random, marks };
    },
    ...(onWrite && { onWrite }),
  });
}

/** A world in which nothing has been spent. */
export function newWorld(faults: Partial<World["faults"]> = {}): World {
  const none = { fail: 0, cut: 0, over: 0, full: 0 };
  return { spent: [], refusals: [], faults: { ...none, ...faults } };
}

/** Drives the system until the promise is settled. */
export async function settled<T>(system: TestSystem, asked: Promise<T>): Promise<T> {
  let isDone = false;
  const done = (): void => {
    isDone = true;
  };
  asked.then(done, done);
  await system.schedule.until(() => isDone, 600_000);
  return await asked;
}

/** Creates a budget; `limit` in millionths. */
export async function createBudget(
  system: TestSystem,
  of: Partial<Budget> & Pick<Budget, "id" | "limitMicros">,
): Promise<Budget> {
  const at = "2023-11-14T00:00:00.000Z";
  const budget: Budget = {
    ...{ name: null, scope: "tenant", subject: null, period: "total", on_exhausted: "stop" },
    ...{ created_at: at, updated_at: at, version: 1, ...of },
  };
  const message = { type: "create", budget, by: { by: "operator" } };
  return (await settled(system, system.ask(treasuryAddress(tenant), message))) as Budget;
}

/** What the disk says of a budget. */
export function accountOf(
  system: TestSystem,
  budget: string,
  period = "total",
): { readonly used: number; readonly held: number } {
  const names = budgetCounters(budget, period);
  const read = (name: string): number =>
    decodeCounter(system.disk.rows.find(({ key }) => key === keys.counter(tenant, name))?.value);
  return { used: -read(names.used), held: read(names.held) };
}

/** Calls that went out, from the given one on, whose reservations a cut of the power would take. */
export function unflushedCalls(system: TestSystem, world: World, from: number): World["spent"] {
  const gone = system.disk.unflushed.filter(({ value }) => value !== undefined);
  return world.spent.slice(from).filter(({ run, call }) => {
    const row = keys.table(tenant, budgetTables.reservations, `${run}.${call}:`);
    return gone.some(({ key }) => key.startsWith(row));
  });
}

/** How far calls may go ahead of the disk, by what the disk says. */
export function slackOf(system: TestSystem, budget: string): number {
  const names = budgetCounters(budget, "total");
  const read = (name: string): number =>
    decodeCounter(system.disk.rows.find(({ key }) => key === keys.counter(tenant, name))?.value);
  return read(names.mark) + read(names.ahead);
}

/** Rows of a table of the tenant. */
export function rowsOf(system: TestSystem, table: string): readonly unknown[] {
  const prefix = keys.tableOf(tenant, table);
  return system.disk.rows
    .filter(({ key }) => key.startsWith(prefix))
    .map(({ value }) => decode(value));
}

/** How the runs that have ended did. */
export const endsOf = (system: TestSystem): readonly unknown[] => rowsOf(system, ENDS);
