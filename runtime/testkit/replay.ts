// Runs a recorded run again, with its child runs, on the testkit: virtual time, a store in memory,
// no effects. Each step gives back what is recorded of it, in the recorded order, and everything
// the run then decides (events, child runs, messages, its end) is compared with the record. A caller
// that swaps something answers steps itself through `answer` and compares two replays instead.

import {
  type Data,
  type Definition,
  defineActor,
  defineRun,
  type Outcome,
  type RunDefinition,
  type RunEnded,
} from "../actor.ts";
import { addressParts } from "../address.ts";
import { encode } from "../store/codec.ts";
import { keys } from "../store/keys.ts";
import type { StoreOp } from "../store/store.ts";
import { Recording, type RunRecord } from "./recording.ts";
import { ReplayContext, type WrappedInput } from "./replay-context.ts";
import type { Answerer } from "./replay-step.ts";
import type { Divergence, ReplayEntry } from "./replay-trace.ts";
import { ReplayTrace } from "./replay-trace.ts";
import { TestSystem } from "./test-system.ts";

/** Virtual time in which a replay must end after its last recorded moment, ms: a cancel's grace fits. */
const SLACK_MS = 60_000;
/** Real time given to work outside virtual time (a module being loaded) before a replay is stuck, ms. */
const PATIENCE_MS = 500;
const PATIENCE_STEP_MS = 10;

/** How a run is replayed. */
export interface ReplayOptions {
  readonly record: RunRecord;
  /** All that the run and its children may be; actors among them are not used. */
  readonly definitions: readonly Definition[];
  /** Handed to runs as `context.ports`; called only by steps that `answer` performs. */
  readonly ports: unknown;
  /** Input instead of the recorded one. */
  readonly input?: Data;
  /** How steps are answered. Default: by the record alone. */
  readonly answer?: Answerer;
  /** Whether what differs from the record is a divergence. Default: when `answer` is not given. */
  readonly compares?: boolean;
  /** Steps of the record that only a life makes which makes calls itself: they need not happen again. */
  isOptional?(key: string): boolean;
  /** What the run's parent replied for this result, to compare with the recorded reply. */
  reply?(result: Data): Data;
}

/** What a replay found. */
export interface Replay {
  /** In the order of the replay. */
  readonly entries: readonly ReplayEntry[];
  /** The first difference from the record; null when there is none (or nothing was compared). */
  readonly divergence: Divergence | null;
  /** How the root run ended; null when it did not: the record is open, or a branch stopped. */
  readonly outcome: Outcome | null;
  /** The run was under way when its record was taken. */
  readonly isOpen: boolean;
}

type ToStandIn = { readonly type: "replay" } | RunEnded;

/** Replays a run. @throws UNKNOWN_KIND when a kind of run is not among the definitions. */
export async function replayRun(options: ReplayOptions): Promise<Replay> {
  const { record } = options;
  const { run } = record;
  const recording = new Recording(record);
  const trace = new ReplayTrace(recording, options.compares ?? options.answer === undefined, {
    isOptional: (key) => options.isOptional?.(key) ?? false,
  });
  const working = new Set<Promise<unknown>>();
  let outcome: Outcome | null = null;
  const parent = standIn(options, recording, (ended) => {
    outcome = ended;
    trace.end("", ended);
  });
  const system = new TestSystem({
    seed: 1,
    startMs: run.startedAt,
    workers: 1,
    ports: options.ports,
    definitions: [
      parent,
      ...options.definitions.flatMap((definition) =>
        definition.type === "run" ? [replayed(definition)] : [],
      ),
    ],
  });
  const { schedule } = system;
  const clock = schedule.clock("replay", () => true);

  await load(system, record);
  await system.start();
  const asked = system.send(run.parent, { type: "replay" });
  asked.catch(() => undefined);
  const { tenant, root } = addressParts(run.parent);
  for (const { position, value: reason } of recording.cancels) {
    clock.after(position + 1, () => {
      system
        .control({ tenant, root, run: run.id }, { type: "cancel", reason })
        .catch(() => undefined);
    });
  }
  await drive();
  trace.finish(outcome, options.reply);
  const { entries, divergence } = trace;
  return { entries, divergence, outcome, isOpen: recording.isOpen };

  function replayed(definition: RunDefinition<Data, Data, Data>): Definition {
    return defineRun<WrappedInput, Data, Data>({
      kind: definition.kind,
      run: async ({ path, input }, real) => {
        const where = { real, path, recording, trace, clock, working };
        const context = new ReplayContext({ ...where, ...options });
        context.begin();
        try {
          return await definition.run(input, context);
        } finally {
          await context.untilEnd();
        }
      },
    }) as Definition;
  }

  /** Lets everything happen that can: time moves only while nothing real is under way. */
  async function drive(): Promise<void> {
    const untilMs = run.startedAt + record.log.length + SLACK_MS;
    let waitedMs = 0;
    for (;;) {
      await schedule.settle();
      if (outcome !== null) return;
      const nextMs = schedule.nextAtMs;
      const isDue = nextMs !== null && nextMs <= schedule.nowMs;
      if (working.size > 0 && !isDue) {
        // What is called may itself have steps, which go on with what is scheduled.
        await Promise.race([...working, step()]);
        continue;
      }
      if (nextMs !== null && nextMs <= untilMs) {
        await schedule.advance(nextMs - schedule.nowMs);
        continue;
      }
      if (trace.isStopped || waitedMs >= PATIENCE_MS) return;
      waitedMs += PATIENCE_STEP_MS;
      await step();
    }
  }
}

const step = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, PATIENCE_STEP_MS);
  });

/** Stands for the actor that started the run: starts it again and hears of its end. */
function standIn(
  options: ReplayOptions,
  recording: Recording,
  ended: (outcome: Outcome) => void,
): Definition {
  const { run } = options.record;
  const input: WrappedInput = {
    path: "",
    input: "input" in options ? options.input : run.input,
  };
  const end = recording.root?.end ?? null;
  const spareMs = recording.record.log.length + 2 * SLACK_MS;
  const timeoutMs =
    end?.value.status === "expired"
      ? end.position + 1
      : Math.max(spareMs, run.deadlineMs - run.startedAt);
  return defineActor<null, ToStandIn>({
    kind: addressParts(run.parent).kind,
    version: 1,
    initial: () => null,
    receive(state, message, turn) {
      if (message.type === "replay") {
        turn.startRun({ kind: run.kind, id: run.id, input, timeoutMs });
      } else ended(message.outcome);
      return state;
    },
  }) as Definition;
}

/** Puts what the run reads on the disk in memory. */
async function load(system: TestSystem, record: RunRecord): Promise<void> {
  const { tenant } = addressParts(record.run.parent);
  const ops: StoreOp[] = [
    ...record.rows.map(
      ({ table, id, value }): StoreOp => ({
        op: "put",
        key: keys.table(tenant, table, id),
        value: encode(value),
      }),
    ),
    ...record.records.map(
      ({ owner, key, value }): StoreOp => ({
        op: "put",
        key: keys.record(owner, key),
        value: encode(value),
      }),
    ),
  ];
  if (ops.length === 0) return;
  const store = system.disk.connect();
  const { committed } = store.commit({ ops });
  await system.schedule.settle();
  await committed;
  const closed = store.close();
  await system.schedule.settle();
  await closed;
}
