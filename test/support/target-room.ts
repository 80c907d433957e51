// Runs that work on targets which come and go, on virtual time: a desk that starts them, machines that count what was
// really done on them, and what main does for those that wait: it looks, and tells them. Main forgets whom it tells
// when the process fails, and finds them in their rows.

import { onTarget } from "../../actors/engines/await-target.ts";
import type { AwaitedTarget } from "../../actors/engines/port.ts";
import {
  type TargetWaitMessage,
  targetWaitActor,
  targetWaitAddress,
} from "../../actors/engines/target-wait.ts";
import { targetTables } from "../../actors/engines/wait-key.ts";
import type { Ports } from "../../actors/ports.ts";
import {
  type Definition,
  defineActor,
  defineRun,
  type Repeat,
  type RunContext,
  type RunEnded,
} from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { MessageKey } from "../../runtime/message.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import { TestSystem, type TestSystemOptions } from "../../runtime/testkit/test-system.ts";

export const TENANT = "tn_1";
export const MINUTE_MS = 60_000;
/** Life of a run: what it may take beside waiting. */
const RUN_MS = 10 * MINUTE_MS;

/** One piece of work. */
export interface Piece {
  readonly key: string;
  readonly target: string;
  readonly repeat: Repeat;
}

/** What a run does: its pieces one after the other or all at once, then those of its child run. */
export interface Job {
  readonly pieces: readonly Piece[];
  readonly isParallel?: boolean;
  readonly child?: Job;
}

/** How a run ended, as its desk was told. */
export interface Told {
  readonly status: string;
  readonly result: unknown;
}

type DeskMessage =
  | { readonly type: "start"; readonly job: Job }
  | { readonly type: "cancel"; readonly run: string }
  | { readonly type: "ended" }
  | RunEnded;

export const deskAt = (root: string): Address => address({ kind: "desk", tenant: TENANT, root });

const desk = defineActor<Readonly<Record<string, Told>>, DeskMessage>({
  kind: "desk",
  version: 1,
  initial: () => ({}),
  receive(state, message, turn) {
    switch (message.type) {
      case "start":
        turn.reply(turn.startRun({ kind: "work", input: message.job, timeoutMs: RUN_MS }));
        return state;
      case "cancel":
        turn.cancelRun(message.run, "not wanted");
        turn.reply(null);
        return state;
      case "ended":
        turn.reply(state);
        return state;
      case "run-ended": {
        const { outcome, run } = message;
        const result = outcome.status === "completed" ? outcome.result : outcome.error.code;
        return { ...state, [run]: { status: outcome.status, result } };
      }
    }
  },
});

/** The machines, which survive every crash. */
export class Machines {
  readonly away = new Set<string>();
  /** Targets at which the next piece of work is cut in the middle. */
  readonly cut = new Set<string>();
  /** What was done, by run and key. */
  readonly done = new Map<string, number>();

  work(run: string, { key, target }: Piece): string {
    if (this.away.has(target)) throw lost(target, false);
    const name = `${run} ${key}`;
    this.done.set(name, (this.done.get(name) ?? 0) + 1);
    if (this.cut.delete(target)) throw lost(target, true);
    return "done";
  }
}

const lost = (target: string, began: boolean): RuntimeError =>
  new RuntimeError("TARGET_LOST", `Target ${target} is away.`, { target, began });

function workOn(machines: Machines): Definition {
  const one = async (context: RunContext<Ports>, piece: Piece): Promise<unknown> => {
    const { key, repeat } = piece;
    const step = { key, repeat, timeoutMs: MINUTE_MS, input: null };
    const work = async (): Promise<string> => machines.work(context.id, piece);
    return await onTarget(context, step, work).catch((error: RuntimeError) => {
      if (context.signal.aborted) throw error;
      return error.code;
    });
  };
  return defineRun<Job, unknown, Ports>({
    kind: "work",
    async run({ pieces, isParallel, child }, context) {
      const results: unknown[] = [];
      if (isParallel)
        results.push(...(await Promise.all(pieces.map((piece) => one(context, piece)))));
      else for (const piece of pieces) results.push(await one(context, piece));
      if (child !== undefined) {
        const outcome = await context.child("child", { kind: "work", input: child });
        results.push(outcome.status === "completed" ? outcome.result : outcome.status);
      }
      return results;
    },
  }) as Definition;
}

/** A system with a desk, machines, and somebody who looks at them. */
export interface TargetRoom {
  readonly system: TestSystem;
  readonly machines: Machines;
  /** Says something to an actor; the system is driven until it answers. Errors are given, not thrown. */
  say(to: Address, message: unknown, key?: MessageKey): Promise<unknown>;
  /** Tells those who wait for targets that are back. `looks`: those are found in their rows too. */
  look(looks: boolean): void;
  /** What the process knew is gone. */
  forget(): void;
  /** Rows of waits, by table. */
  waits(): Readonly<Record<keyof typeof targetTables, number>>;
}

/** Makes one. */
export async function openTargetRoom(
  options: Partial<TestSystemOptions> = {},
): Promise<TargetRoom> {
  const machines = new Machines();
  const awaited = new Map<string, AwaitedTarget>();
  const note = (of: AwaitedTarget): void => void awaited.set(`${of.target}.${of.root}`, of);
  const engines = { awaited: async (of: AwaitedTarget) => note(of) };
  const system = new TestSystem({
    seed: 1,
    definitions: [targetWaitActor, desk, workOn(machines)] as readonly Definition[],
    limits: { runIdleMs: 5_000 },
    portsFor: () => ({ engines }),
    ...options,
  });
  await system.start();
  const keysOf = (table: string): readonly string[] => {
    const { from, to } = prefixRange(keys.tableOf(TENANT, table), 1);
    return system.disk.rows.map(({ key }) => key).filter((key) => key >= from && key < to);
  };
  const say: TargetRoom["say"] = async (to, message, key) => {
    let answer: { readonly value: unknown } | undefined;
    const take = (value: unknown): void => {
      answer = { value };
    };
    system.ask(to, message, key).then(take, take);
    await system.schedule.until(() => answer !== undefined, 100_000);
    return answer?.value;
  };
  return {
    ...{ system, machines, say },
    look: (looks) => {
      for (const key of looks ? keysOf(targetTables.waits) : []) {
        const [target = "", root = ""] = key.slice(key.lastIndexOf("/") + 1).split(".");
        note({ tenant: TENANT, target, root });
      }
      for (const [name, { target, root }] of awaited) {
        if (machines.away.has(target)) continue;
        awaited.delete(name);
        const back: TargetWaitMessage = { type: "back", target };
        const again = (): void => note({ tenant: TENANT, target, root });
        system.send(targetWaitAddress(TENANT, root), back).catch(again);
      }
    },
    forget: () => awaited.clear(),
    waits: () => ({
      waits: keysOf(targetTables.waits).length,
      waitsOfRun: keysOf(targetTables.waitsOfRun).length,
      waiting: keysOf(targetTables.waiting).length,
    }),
  };
}
