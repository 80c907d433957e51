// Runs that ask people, on virtual time: a desk that starts them, an outside that counts what was
// really done, and what the rows say afterwards.

import {
  type ApprovalMessage,
  approvalActor,
  approvalsAddress,
} from "../../actors/approvals/approval.ts";
import { confirm } from "../../actors/approvals/confirm.ts";
import {
  type Approval,
  type ApprovalDecision,
  approvalTables,
  type Quorum,
} from "../../actors/records/approval.ts";
import { type AuditRow, auditTable } from "../../actors/records/audit.ts";
import {
  type Definition,
  defineActor,
  defineRun,
  type Fork,
  type RunContext,
  type RunEnded,
} from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Frame } from "../../runtime/frame.ts";
import type { MessageKey } from "../../runtime/message.ts";
import { readLog } from "../../runtime/runs/run-log.ts";
import { decode, decodeCounter } from "../../runtime/store/codec.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import { TestSystem, type TestSystemOptions } from "../../runtime/testkit/test-system.ts";

export const TENANT = "tn_1";
export const MINUTE_MS = 60_000;
export const DAY_MS = 24 * 60 * MINUTE_MS;
/** Life of a run: what it may take beside waiting. */
export const RUN_MS = 10 * MINUTE_MS;

/** Runs that wait have left memory after this, and a clock that jumped has been noticed. */
const HIBERNATED_MS = 20_000;
const NOTICED_MS = 2 * MINUTE_MS;

/** A call that needs a person. */
export interface Call {
  readonly key: string;
  readonly args?: Readonly<Record<string, unknown>>;
  readonly expiresMs?: number;
  readonly default?: ApprovalDecision;
  readonly approveWhen?: string;
  readonly quorum?: Quorum;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** What a run does: its calls one after the other or all at once, then those of its child runs. */
export interface Job {
  readonly calls: readonly Call[];
  readonly isParallel?: boolean;
  readonly children?: readonly Job[];
  /** Sleeps so long at its end, using up its time. */
  readonly thenMs?: number;
  /** Lets go of nothing when it is stopped. */
  readonly isStubborn?: boolean;
}

/** How a run ended, as its desk was told. */
export interface Told {
  readonly status: string;
  readonly result: unknown;
}

type DeskMessage =
  | { readonly type: "start"; readonly job: Job; readonly fork?: Fork }
  | { readonly type: "cancel"; readonly run: string }
  | { readonly type: "ended" }
  | RunEnded;

export const deskAt = (root: string, tenant = TENANT): Address =>
  address({ kind: "desk", tenant, root });

const desk = defineActor<Readonly<Record<string, Told>>, DeskMessage>({
  kind: "desk",
  version: 1,
  initial: () => ({}),
  receive(state, message, turn) {
    switch (message.type) {
      case "start": {
        const fork = message.fork === undefined ? {} : { fork: message.fork };
        const spec = { kind: "work", input: message.job, timeoutMs: RUN_MS, ...fork };
        turn.reply(turn.startRun(spec));
        return state;
      }
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

/** Something that was really done outside. */
export interface Effect {
  readonly run: string;
  readonly key: string;
  readonly arguments: unknown;
}

function workOf(effects: Effect[]): Definition {
  const one = async (context: RunContext, job: Job, call: Call): Promise<unknown> => {
    const { key, args = { amount: 5 }, ...rest } = call;
    const asked = confirm(context, {
      ...{ key, agent: "ag_1", tool: "pay", arguments: args, reason: "It costs money." },
      step: `pay:${key}`,
      ...rest,
    });
    const answer = await asked.catch(async (error: unknown) => {
      if (job.isStubborn) await new Promise<never>(() => undefined);
      throw error;
    });
    if (!answer.approved) return answer.reason;
    return await context
      .step(`pay:${key}`, () => {
        effects.push({ run: context.id, key, arguments: answer.arguments });
        return "paid";
      })
      .catch((error: RuntimeError) => {
        if (context.signal.aborted) throw error;
        return error.code;
      });
  };
  return defineRun<Job, unknown, unknown>({
    kind: "work",
    async run(job, context) {
      context.atEnd((write) => write.add(`end.${context.id}`, 1));
      const results: unknown[] = [];
      if (job.isParallel)
        results.push(...(await Promise.all(job.calls.map((call) => one(context, job, call)))));
      else for (const call of job.calls) results.push(await one(context, job, call));
      const children = (job.children ?? []).map((input, at) =>
        context.child(`child:${at}`, { kind: "work", input }),
      );
      for (const outcome of await Promise.all(children)) {
        results.push(outcome.status === "completed" ? outcome.result : outcome.status);
      }
      if (job.thenMs !== undefined) await context.sleep("then", job.thenMs);
      return results;
    },
  }) as Definition;
}

/** A desk and its runs, which ask before they note an effect. */
export const askingWork = (effects: Effect[]): readonly Definition[] => [
  desk as Definition,
  workOf(effects),
];

/** A system with a desk, and what was done outside. */
export interface Room {
  readonly system: TestSystem;
  readonly effects: Effect[];
  /** Starts a run and gives its id. */
  start(root: string, job: Job, fork?: Fork): Promise<string>;
  /** Entries of the log of a run: type and key. */
  entries(root: string, run: string): Promise<readonly string[]>;
  /** Says something to an actor; the system is driven until it answers. Errors are given, not thrown. */
  say(to: Address, message: unknown, key?: MessageKey): Promise<unknown>;
  decide(root: string, id: string, what: Partial<ApprovalMessage>): Promise<unknown>;
  ended(root: string): Promise<Readonly<Record<string, Told>>>;
  rows<T>(table: string): readonly T[];
  /** Times that a run has written what it writes at its end. */
  endsWritten(run: string): number;
  approvals(): readonly Approval[];
  audit(): readonly AuditRow[];
  /** Days go by: the runs that wait leave memory, and then the clock is that much later. */
  pass(ms: number): Promise<void>;
  frames(root: string, run: string): Promise<readonly Frame[]>;
  /** Runs in memory. */
  inMemory(): number;
}

/** Makes a room. */
export async function openRoom(options: Partial<TestSystemOptions> = {}): Promise<Room> {
  const effects: Effect[] = [];
  const system = new TestSystem({
    seed: 1,
    definitions: [approvalActor as Definition, ...askingWork(effects)],
    limits: { runIdleMs: 5_000 },
    ...options,
  });
  await system.start();
  const say: Room["say"] = async (to, message, key) => {
    let answer: { readonly value: unknown } | undefined;
    system.ask(to, message, key).then(
      (value) => {
        answer = { value };
      },
      (error: unknown) => {
        answer = { value: error };
      },
    );
    await system.schedule.until(() => answer !== undefined, 100_000);
    return answer?.value;
  };
  const rows = <T>(table: string): readonly T[] => {
    const { from, to } = prefixRange(keys.tableOf(TENANT, table), 1);
    const found = system.disk.rows.filter(({ key }) => key >= from && key < to);
    return found.map(({ value }) => decode(value) as T);
  };
  return {
    system,
    effects,
    say,
    rows,
    endsWritten: (run) => {
      const key = keys.counter(TENANT, `end.${run}`);
      return decodeCounter(system.disk.rows.find((row) => row.key === key)?.value);
    },
    start: async (root, job, fork) =>
      String(await say(deskAt(root), { type: "start", job, ...(fork && { fork }) })),
    entries: async (root, run) => {
      const page = { from: 0, limit: 50 };
      const { entries } = await readLog(
        system.disk.connect(),
        `work:${TENANT}/${root}/${run}`,
        page,
      );
      return entries.map((entry) => ("key" in entry ? `${entry.type} ${entry.key}` : entry.type));
    },
    decide: (root, id, what) =>
      say(approvalsAddress(TENANT, root), {
        ...{ type: "decide", id, decision: "approve", by: "ak_1", note: null, arguments: null },
        ...what,
      }),
    ended: async (root) =>
      (await say(deskAt(root), { type: "ended" })) as Readonly<Record<string, Told>>,
    approvals: () => rows<Approval>(approvalTables.approvals),
    audit: () => rows<AuditRow>(auditTable),
    pass: async (ms) => {
      await system.schedule.advance(HIBERNATED_MS);
      system.schedule.jump(ms - HIBERNATED_MS - NOTICED_MS);
      await system.schedule.advance(NOTICED_MS);
    },
    frames: async (root, run) => {
      const frames = system.follow({ tenant: TENANT, root, run });
      await system.schedule.advance(1_000);
      return await frames;
    },
    inMemory: () => {
      const kernels = new Set(
        ["cv_1", "cv_2", "cv_3"].map((root) => system.kernelOf(deskAt(root))),
      );
      return [...kernels].reduce((sum, kernel) => sum + (kernel?.inspect().runs ?? 0), 0);
    },
  };
}

/** Code of what was refused; "none" for another answer. */
export const codeOf = (answer: unknown): string =>
  answer instanceof RuntimeError ? answer.code : "none";
