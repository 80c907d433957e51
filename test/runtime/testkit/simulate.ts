// One simulation from its seed and its faults to the evidence it leaves. The same two give the same
// course, task by task: the trace says so.

import type { Address } from "../../../runtime/address.ts";
import { address, SHARDS } from "../../../runtime/address.ts";
import type { KernelLimits } from "../../../runtime/kernel/kernel-port.ts";
import { decode } from "../../../runtime/store/codec.ts";
import { keys } from "../../../runtime/store/keys.ts";
import type { Row } from "../../../runtime/store/store.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import { TestSystem } from "../../../runtime/testkit/test-system.ts";
import { Callers, type Told } from "./callers.ts";
import { castOf, type DeskState, type NodeState } from "./cast.ts";
import { type Fault, PARTS } from "./faults.ts";
import type { KeeperState } from "./keeper.ts";
import { makeScript, type Script } from "./script.ts";
import { storedEnds } from "./stored-ends.ts";
import { World } from "./world.ts";

/** What a simulation left behind. */
export interface Course {
  readonly script: Script;
  readonly world: World;
  readonly told: Told;
  readonly nodes: ReadonlyMap<Address, NodeState>;
  readonly desks: ReadonlyMap<Address, DeskState>;
  readonly keepers: ReadonlyMap<Address, KeeperState>;
  /** All rows at the end, and those that differ after one more restart. */
  readonly rows: readonly Row[];
  readonly changed: readonly string[];
  /** Faults that struck. */
  readonly struck: readonly Fault[];
  readonly writes: number;
  readonly trace: string;
  readonly stuck: readonly string[];
}

/** How long callers may take, and the system to come to rest after them, in ms. */
const CALLERS_MS_MAX = 120_000;
const REST_MS_MAX = 120_000;
const LOOK_MS = 3_000;
/** Longest time between a crash and the next start. */
const DOWN_MS_MAX = 400;

/** How the system of a seed is made: small and large limits, one to three workers, slow disks. */
export function settingsOf(seed: number): {
  readonly workers: number;
  readonly limits: Partial<KernelLimits>;
  readonly delayMs: number;
  readonly reads: "at once" | "later";
} {
  const random = seeded(seed * 13 + 3);
  const pick = <T>(...of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  return {
    workers: pick(1, 2, 2, 3),
    delayMs: pick(0, 5, 60),
    reads: pick("at once", "at once", "later"),
    limits: {
      cellsMax: pick(1, 50_000),
      sliceTurns: pick(1, 64),
      batchRows: pick(6, 1_000),
      graceMs: pick(50, 5_000),
      // Runs that wait hibernate at once, soon, or not at all.
      runsMax: pick(1, 10_000),
      runIdleMs: pick(20, 300, 30_000),
    },
  };
}

/** Runs the script of a seed with these faults. */
export async function simulate(
  seed: number,
  faults: readonly Fault[] = [],
  script: Script = makeScript(seed),
): Promise<Course> {
  return new Simulation(seed, faults, script).run();
}

class Simulation {
  readonly #script: Script;
  readonly #system: TestSystem;
  readonly #world: World;
  readonly #callers: Callers;
  readonly #left: Fault[];
  readonly #struck: Fault[] = [];
  readonly #stuck: string[] = [];
  #crashes = 0;
  #jumpMs = 0;
  #changes: Promise<void> = Promise.resolve();

  constructor(seed: number, faults: readonly Fault[], script: Script) {
    this.#script = script;
    this.#left = [...faults].sort((a, b) => a.write - b.write);
    this.#world = new World({
      passedMs: () => this.#system.schedule.passedMs,
      nowMs: () => this.#system.schedule.nowMs,
      note: (text) => this.#system.schedule.note(text),
    });
    this.#system = new TestSystem({
      seed,
      ...settingsOf(seed),
      definitions: castOf(this.#world),
      portsFor: (place) => this.#world.outsideOf(place),
      onWrite: (write, stage) => this.#strike(write, stage),
    });
    this.#callers = new Callers(this.#system);
  }

  async run(): Promise<Course> {
    const { schedule } = this.#system;
    await this.#start();
    this.#callers.begin(this.#script.requests);
    await this.#live(() => this.#callers.areDone, CALLERS_MS_MAX);
    if (!this.#callers.areDone) this.#stuck.push("not every caller was answered");
    for (let waited = 0; waited < REST_MS_MAX && !this.#isAtRest(); waited += LOOK_MS) {
      await this.#live(() => false, LOOK_MS);
    }
    await this.#live(() => false, LOOK_MS);
    this.#left.length = 0;
    const { trace } = schedule;
    const rows = this.#system.disk.rows;
    this.#system.crash("process");
    await this.#start();
    await schedule.advance(LOOK_MS * 2);
    return {
      ...{ script: this.#script, world: this.#world, told: this.#callers.told, rows, trace },
      nodes: this.#states<NodeState>("node", rows),
      desks: this.#states<DeskState>("desk", rows),
      keepers: this.#states<KeeperState>("keeper", rows),
      changed: changes(rows, this.#system.disk.rows),
      struck: this.#struck,
      writes: this.#system.disk.commits,
      stuck: this.#stuck,
    };
  }

  /** Goes on until `isDone` or for `limitMs`, starting again whenever the system has crashed. */
  async #live(isDone: () => boolean, limitMs: number): Promise<void> {
    const { schedule } = this.#system;
    const endMs = schedule.passedMs + limitMs;
    const isDown = (): boolean => this.#crashes !== this.#system.crashes;
    for (;;) {
      await schedule.until(() => isDone() || isDown(), Math.max(0, endMs - schedule.passedMs));
      if (!isDown()) return;
      await schedule.advance(schedule.random() * DOWN_MS_MAX);
      await this.#start();
    }
  }

  async #start(): Promise<void> {
    this.#changes = Promise.resolve();
    do {
      this.#crashes = this.#system.crashes;
      this.#system.schedule.jump(this.#jumpMs);
      this.#jumpMs = 0;
      await this.#system.start();
    } while (this.#crashes !== this.#system.crashes);
  }

  #strike(write: number, stage: string): void {
    for (;;) {
      const next = this.#left[0];
      if (next === undefined || next.write > write) return;
      const at = "stage" in next ? next.stage : "committed";
      if (next.write === write && at !== stage) return;
      this.#left.shift();
      this.#struck.push(next);
      this.#break(next);
    }
  }

  #break(fault: Fault): void {
    const system = this.#system;
    switch (fault.type) {
      case "power":
        this.#world.cut(storedEnds(system.disk.unflushed));
        system.crash("power");
        return;
      case "process":
        system.crash("process");
        return;
      case "jump":
        this.#jumpMs = fault.ms;
        system.crash("process");
        return;
      case "worker":
        this.#change(() => system.killWorker(fault.worker, fault.heir));
        return;
      case "move": {
        const shards = Array.from({ length: SHARDS }, (_, shard) => shard);
        const part = shards.filter((shard) => shard % PARTS === fault.part);
        this.#change(() => system.move(part, fault.to, fault.graceMs));
        return;
      }
      case "full":
        system.disk.isFull = true;
        system.schedule.after("faults", fault.forMs, () => {
          system.disk.isFull = false;
        });
    }
  }

  /** One change of who owns what at a time, as in a real pool. */
  #change(change: () => Promise<void>): void {
    const { crashes } = this.#system;
    this.#changes = this.#changes
      .then(() => (crashes === this.#system.crashes ? change() : undefined))
      .catch((error: unknown) => void this.#stuck.push(`a change failed: ${String(error)}`));
  }

  #isAtRest(): boolean {
    const { disk } = this.#system;
    return !disk.rows.some(({ key }) => /^[iodm]\//.test(key));
  }

  #states<State>(kind: string, rows: readonly Row[]): ReadonlyMap<Address, State> {
    const byKey = new Map(rows.map((row) => [row.key, row.value]));
    const states = new Map<Address, State>();
    for (const actor of this.#script.actors) {
      const bytes = byKey.get(keys.state(actor));
      if (!actor.startsWith(`${kind}:`) || bytes === undefined) continue;
      states.set(actor, (decode(bytes) as { state: State }).state);
    }
    return states;
  }
}

/** Keys whose rows differ. */
function changes(before: readonly Row[], after: readonly Row[]): readonly string[] {
  const rest = new Map(before.map((row) => [row.key, row.value]));
  const changed: string[] = [];
  for (const { key, value } of after) {
    const known = rest.get(key);
    rest.delete(key);
    if (known === undefined || Buffer.compare(known, value) !== 0) changed.push(key);
  }
  return [...changed, ...rest.keys()];
}

/** Any actor of the cast, for tests of their own. */
export const at = (kind: "node" | "desk", root: string, tenant = "tn_1"): Address =>
  address({ kind, tenant, root });
