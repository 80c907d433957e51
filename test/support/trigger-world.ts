// A trigger and what it sets to work, in one simulated system: the work outlives every crash, so that it shows
// what was begun twice.

import { tellAskers } from "../../actors/answered.ts";
import type { TriggerInput } from "../../actors/records/trigger.ts";
import { cancelRun, launchRun } from "../../actors/triggers/launch.ts";
import { listenersRead } from "../../actors/triggers/listeners.ts";
import { type OccurrenceRow, occurrencesTable } from "../../actors/triggers/occurrence.ts";
import { tellOutcome } from "../../actors/triggers/outcome.ts";
import type { Launch, Launches } from "../../actors/triggers/port.ts";
import { triggerSourceActor } from "../../actors/triggers/source.ts";
import { type Happened, triggerAddress } from "../../actors/triggers/state.ts";
import { triggerActor } from "../../actors/triggers/trigger.ts";
import { defineActor, defineRun, type ReadRequest, type RunEnded } from "../../runtime/actor.ts";
import { address } from "../../runtime/address.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import { decode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";

export const tenant = "tn_1";
export const triggerId = "tr_1";

const CALL_MS = 20;

interface Begin {
  readonly type: "begin";
  readonly launch: Launch;
}

interface Stop {
  readonly type: "stop";
  readonly run: string;
}

interface List {
  readonly type: "list";
}

interface Begun {
  /** By the key of their launch. */
  readonly runs: Readonly<Record<string, { readonly run: string; readonly launch: Launch }>>;
}

const workOf = ({ runs }: Begun, run: string) =>
  Object.values(runs).find((work) => work.run === run);

/** Stands for conversations: each key begins a run once, whose end is told in its transaction. */
const workActor = defineActor<Begun, Begin | Stop | List | RunEnded>({
  kind: "work",
  version: 1,
  initial: () => ({ runs: {} }),
  reads(message, state): Readonly<Record<string, ReadRequest>> {
    const work = message.type === "run-ended" ? workOf(state, message.run) : undefined;
    return work === undefined ? {} : { listeners: listenersRead(work.launch.target) };
  },
  receive(state, message, turn) {
    if (message.type === "begin") {
      const { launch } = message;
      const { key, timeoutMs } = launch;
      const run =
        state.runs[key]?.run ??
        turn.startRun({ kind: "labour", input: { key }, timeoutMs: timeoutMs ?? 600_000 });
      turn.reply({ run });
      return { runs: { ...state.runs, [key]: { run, launch } } };
    }
    if (message.type === "list") {
      turn.reply(Object.keys(state.runs));
      return state;
    }
    if (message.type === "stop") {
      turn.cancelRun(message.run, "replaced");
      turn.reply(null);
      return state;
    }
    const work = workOf(state, message.run);
    if (work === undefined) return state;
    const { trigger: asker, occurrence: ask, depth, target } = work.launch;
    const entry = { run: message.run, tells: [{ asker, ask, depth }] };
    const { outcome } = message;
    tellAskers(turn, entry, { outcome, text: "done" });
    tellOutcome(turn, entry, { of: target, outcome, text: "done" });
    return state;
  },
});

const labourRun = defineRun<{ key: string }, string, { readonly workMs: () => number }>({
  kind: "labour",
  run: async (_, context) => {
    await context.sleep("work", context.ports.workMs());
    return "done";
  },
});

/** Writes rows that others write. */
const rowsActor = defineActor<
  null,
  { readonly table: string; readonly id: string; readonly value: unknown }
>({
  kind: "rows",
  version: 1,
  initial: () => null,
  receive(state, { table, id, value }, turn) {
    turn.putRow(table, id, value);
    turn.reply(null);
    return state;
  },
});

const worker = address({ kind: "work", tenant, root: "w" });

/** How the world is made. */
export interface TriggerWorldOptions {
  readonly seed?: number;
  /** How long one works, ms. Default 1,000. */
  readonly workMs?: number;
  /** What a launch is refused with; null: it is begun. */
  readonly refuse?: (launch: Launch, call: number) => RuntimeError | null;
  readonly onWrite?: (system: TestSystem) => void;
}

/** A system with one trigger. */
export class TriggerWorld {
  readonly system: TestSystem;
  /** Launches that were asked for, with those that came again. */
  readonly launches: Launch[] = [];
  workMs: number;
  #revived = 0;

  constructor({
    seed = 7,
    workMs = 1_000,
    refuse = () => null,
    onWrite,
  }: TriggerWorldOptions = {}) {
    this.workMs = workMs;
    const portsFor = (place: { clock: Clock; isAlive(): boolean }) => ({
      launches: this.#launches(place, refuse),
      workMs: () => this.workMs,
    });
    this.system = new TestSystem({
      ...{ seed, workers: 2, delayMs: 2, reads: "at once", portsFor },
      definitions: [
        ...[triggerActor, triggerSourceActor, launchRun, cancelRun],
        ...[workActor, labourRun, rowsActor],
      ] as never,
      ...(onWrite && { onWrite: () => onWrite(this.system) }),
    });
  }

  /** Starts it with a trigger. */
  async start(trigger: Partial<TriggerInput>): Promise<void> {
    await this.system.start();
    await this.set(trigger);
  }

  /** Starts it again where it has crashed, however often. */
  async revive(): Promise<void> {
    while (this.#revived !== this.system.crashes) {
      this.#revived = this.system.crashes;
      await this.system.start();
    }
  }

  /** Changes its record; null removes it. */
  async set(trigger: Partial<TriggerInput> | null, id: string = triggerId): Promise<void> {
    await this.write(trigger, id);
    await this.settled(this.system.ask(triggerAddress(tenant, id), { type: "set" }));
  }

  /** Changes its record, and does not say so. */
  async write(trigger: Partial<TriggerInput> | null, id: string = triggerId): Promise<void> {
    const fields = { name: "test", target: "ag_1", type: "schedule", ...trigger };
    const value = trigger === null ? undefined : { record: fields, version: 1 };
    const rows = address({ kind: "rows", tenant, root: "r" });
    await this.settled(this.system.ask(rows, { table: "triggers", id, value }));
  }

  /** Something happens; the occurrence, null where it was known. */
  async happen(
    key: string,
    more: Partial<Happened> = {},
    id: string = triggerId,
  ): Promise<string | null> {
    const { nowMs } = this.system.schedule;
    const message = { type: "happened", cause: "fire", key, atMs: nowMs, ...more };
    const asked = this.system.ask(triggerAddress(tenant, id), message);
    return ((await this.settled(asked)) as { occurrence: string | null }).occurrence;
  }

  /** Drives it until the promise is settled. */
  async settled<T>(asked: Promise<T>): Promise<T> {
    let isDone = false;
    asked.then(
      () => (isDone = true),
      () => (isDone = true),
    );
    await this.system.schedule.until(() => isDone, 300_000);
    return await asked;
  }

  /** The ledger, oldest first; of one of several. */
  ledger(id = ""): OccurrenceRow[] {
    return this.rows(occurrencesTable, id) as OccurrenceRow[];
  }

  /** Rows of a table whose ids begin so. */
  rows(table: string, begin = ""): unknown[] {
    const prefix = keys.table(tenant, table, begin);
    const mine = this.system.disk.rows.filter(({ key }) => key.startsWith(prefix));
    return mine.map(({ value }) => decode(value));
  }

  /** What was begun, each key once. */
  begun(): string[] {
    return [...new Set(this.launches.map(({ key }) => key))];
  }

  /** Keys of the work that was begun and is known to have been. */
  async worked(): Promise<readonly string[]> {
    return (await this.settled(this.system.ask(worker, { type: "list" }))) as readonly string[];
  }

  #launches(
    { clock, isAlive }: { clock: Clock; isAlive(): boolean },
    refuse: NonNullable<TriggerWorldOptions["refuse"]>,
  ): Launches {
    const later = async (): Promise<void> => {
      await new Promise<void>((resolve) => clock.after(CALL_MS, resolve));
      if (!isAlive()) await new Promise(() => undefined);
    };
    return {
      launch: async (launch) => {
        this.launches.push(launch);
        const refused = refuse(launch, this.launches.length);
        await later();
        if (refused !== null) throw refused;
        return (await this.system.ask(worker, { type: "begin", launch })) as { run: string };
      },
      cancel: async ({ run }) => {
        await later();
        await this.system.ask(worker, { type: "stop", run });
      },
    };
  }
}
