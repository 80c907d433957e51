// Targets are lost and come back, runs that wait for them are cancelled, and the process or the power fails between any
// two storage writes: every run goes on and ends, what may be done once is done once, and nothing is left of a wait.

import { expect, test } from "vitest";
import { TARGET_WAIT_MS } from "../../../actors/engines/target-wait.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Crash } from "../../../runtime/store/memory.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import {
  deskAt,
  type Job,
  MINUTE_MS,
  openTargetRoom,
  type Piece,
  type TargetRoom,
  type Told,
} from "../../support/target-room.ts";

const ROOTS = ["cv_1", "cv_2"];
const TARGETS = ["tg_1", "tg_2"];
const ROUNDS = 8;
const SEEDS_WRITE_BY_WRITE = 2;
const SEEDS = 20;
/** Every so many writes of a seed that is tried write by write: together all of them. */
const STRIDE = 5;
const AGAIN = new Set(["WORKER_LOST", "STALE_EPOCH", "SHUTTING_DOWN", "DEADLINE"]);

interface Fault {
  readonly write: number;
  readonly kind: Crash;
}

/** One simulation. */
class Course {
  readonly runs = new Map<string, { readonly root: string; readonly job: Job }>();
  readonly cancelled = new Set<string>();
  readonly #random: () => number;
  readonly #room: TargetRoom;
  #crashes = 0;
  #keys = 0;

  constructor(seed: number, room: TargetRoom) {
    this.#random = seeded(seed * 13 + 5);
    this.#room = room;
  }

  async run(): Promise<Course> {
    const { machines } = this.#room;
    machines.away.add(this.#pick(TARGETS));
    for (const root of [...ROOTS, ...ROOTS]) {
      const job = this.#job(1);
      const run = String(await this.#say(root, { type: "start", job }));
      this.runs.set(run, { root, job });
    }
    for (let round = 0; round < ROUNDS; round += 1) {
      const target = this.#pick(TARGETS);
      if (!machines.away.delete(target)) machines.away.add(target);
      if (this.#random() < 0.3) machines.cut.add(this.#pick(TARGETS));
      await this.#pass(this.#random() * 30_000);
      this.#room.look(this.#random() < 0.3);
      if (this.#random() < 0.2) {
        const [run, { root }] = this.#pick([...this.runs]);
        await this.#say(root, { type: "cancel", run });
        this.cancelled.add(run);
      }
    }
    machines.away.clear();
    for (let waited = 0; waited < 30 && (await this.#ended()).size < this.runs.size; waited += 1) {
      this.#room.look(true);
      await this.#pass(MINUTE_MS);
    }
    this.#room.system.crash("process");
    await this.#pass(10_000);
    return this;
  }

  /** Everything that does not hold. */
  async violations(): Promise<readonly string[]> {
    const wrong: string[] = [];
    const { machines, system } = this.#room;
    const ended = await this.#ended();
    for (const [run, { job }] of this.runs) {
      const told = ended.get(run);
      if (told === undefined) {
        wrong.push(`${run} never ended`);
        continue;
      }
      if (told.status !== "completed" && !this.cancelled.has(run)) {
        wrong.push(`${run} is ${told.status}: ${told.result}`);
      }
      if (told.status !== "completed") continue;
      for (const [at, piece] of job.pieces.entries()) {
        const how = (told.result as readonly unknown[])[at];
        const times = machines.done.get(`${run} ${piece.key}`) ?? 0;
        if (how === "done" && times === 0) wrong.push(`${run} ${piece.key} was never done`);
        if (piece.repeat === "safe" && how !== "done") wrong.push(`${run} ${piece.key} is ${how}`);
      }
    }
    for (const [name, times] of machines.done) {
      if (name.endsWith("never") && times > 1) wrong.push(`${name} was done ${times} times`);
    }
    for (const [table, rows] of Object.entries(this.#room.waits())) {
      if (rows > 0) wrong.push(`${rows} rows are left in ${table}`);
    }
    const left = system.disk.rows.filter(
      ({ key }) => /^[iom]\//.test(key) && !key.endsWith("/sweep"),
    );
    for (const { key } of left) wrong.push(`row ${key} is left over`);
    return wrong;
  }

  async #ended(): Promise<ReadonlyMap<string, Told>> {
    const all = new Map<string, Told>();
    for (const root of ROOTS) {
      const told = (await this.#say(root, { type: "ended" })) as Record<string, Told>;
      for (const [run, end] of Object.entries(told)) all.set(run, end);
    }
    return all;
  }

  #job(depth: number): Job {
    const pieces = Array.from({ length: 1 + Math.floor(this.#random() * 2) }, (_, at): Piece => {
      const repeat = this.#random() < 0.5 ? "safe" : "never";
      return { key: `k${at}${repeat}`, target: this.#pick(TARGETS), repeat };
    });
    const child = depth > 0 && this.#random() < 0.5 ? { child: this.#job(depth - 1) } : {};
    return { pieces, isParallel: this.#random() < 0.5, ...child };
  }

  /** Says it under one key until it is answered, whatever breaks. */
  async #say(root: string, message: object): Promise<unknown> {
    this.#keys += 1;
    const key = { source: "test", key: `k${this.#keys}`, bodyHash: "b", hours: 24 };
    for (let tries = 0; tries < 100; tries += 1) {
      await this.#up();
      const answer = await this.#room.say(deskAt(root), message, key);
      if (!(answer instanceof RuntimeError) || !AGAIN.has(answer.code)) return answer;
      await this.#pass(100);
    }
    throw new Error("never answered");
  }

  /** Time goes by; a system that has crashed is started again, and main looks whom it has to tell. */
  async #pass(ms: number): Promise<void> {
    const { system } = this.#room;
    const endMs = system.schedule.passedMs + ms;
    do {
      await this.#up();
      const leftMs = Math.max(0, endMs - system.schedule.passedMs);
      await system.schedule.until(() => this.#crashes !== system.crashes, leftMs);
    } while (this.#crashes !== system.crashes);
  }

  async #up(): Promise<void> {
    const { system } = this.#room;
    while (this.#crashes !== system.crashes) {
      this.#crashes = system.crashes;
      this.#room.forget();
      await system.start();
    }
  }

  #pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.#random() * of.length)] as T;
  }
}

/** Runs a seed with these faults; what is wrong, how many writes there were, and whether anything was done. */
async function judged(
  seed: number,
  faults: readonly Fault[],
): Promise<{ readonly wrong: readonly string[]; readonly writes: number; readonly done: number }> {
  const left = new Map(faults.map(({ write, kind }) => [write, kind]));
  let room: TargetRoom | undefined;
  room = await openTargetRoom({
    seed,
    delayMs: seed % 2 === 0 ? 40 : 0,
    limits: { runIdleMs: seed % 3 === 0 ? 50 : 5_000 },
    onWrite: (write, stage) => {
      const kind = left.get(write);
      if (room === undefined || kind === undefined || stage !== "committed") return;
      left.delete(write);
      room.system.crash(kind);
    },
  });
  const course = await new Course(seed, room).run();
  const wrong = await course.violations();
  return { wrong, writes: room.system.disk.commits, done: room.machines.done.size };
}

test("a crash after any storage write loses no wait, and nothing is done twice that must not be", async () => {
  for (let seed = 1; seed <= SEEDS_WRITE_BY_WRITE; seed += 1) {
    const calm = await judged(seed, []);
    expect(calm.wrong, `seed ${seed}`).toEqual([]);
    expect(calm.done).toBeGreaterThan(0);
    for (let write = 3 + seed; write <= calm.writes; write += STRIDE) {
      const kind = write % 2 === 0 ? "process" : "power";

      const { wrong } = await judged(seed, [{ write, kind }]);

      expect(wrong, `seed ${seed}, ${kind} at write ${write}`).toEqual([]);
    }
  }
}, 120_000);

test("nor do several crashes at any time, under any order of what happens", async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const random = seeded(seed * 29);
    const faults = Array.from({ length: 3 }, (): Fault => {
      const write = 4 + Math.floor(random() * 150);
      return { write, kind: random() < 0.5 ? "process" : "power" };
    });

    const { wrong } = await judged(seed, faults);

    expect(wrong, `seed ${seed}, ${JSON.stringify(faults)}`).toEqual([]);
  }
}, 120_000);

const [root = ""] = ROOTS;
const piece = (key: string): Piece => ({ key, target: "tg_1", repeat: "never" });
const endOf = async (room: TargetRoom, run: unknown): Promise<Told | undefined> =>
  ((await room.say(deskAt(root), { type: "ended" })) as Record<string, Told>)[String(run)];

test("a wait is over after a day, and takes nothing of the time of its run", async () => {
  const room = await openTargetRoom();
  const { system, machines } = room;
  machines.away.add("tg_1");
  const job = { pieces: [piece("one"), { ...piece("two"), target: "tg_2" }] };
  const run = await room.say(deskAt(root), { type: "start", job });
  await system.schedule.advance(MINUTE_MS);
  expect(room.waits()).toEqual({ waits: 1, waitsOfRun: 1, waiting: 1 });

  system.schedule.jump(TARGET_WAIT_MS - 5 * MINUTE_MS);
  await system.schedule.advance(2 * MINUTE_MS);
  expect(await endOf(room, run)).toBeUndefined();
  await system.schedule.advance(3 * MINUTE_MS);

  expect(await endOf(room, run)).toEqual({ status: "completed", result: ["TARGET_LOST", "done"] });
  expect(room.waits()).toEqual({ waits: 0, waitsOfRun: 0, waiting: 0 });
});

test("a hundred calls under one root wait, and one more is told at once that nobody waits for it", async () => {
  const room = await openTargetRoom();
  const { system, machines } = room;
  machines.away.add("tg_1");
  const pieces = Array.from({ length: 101 }, (_, at) => piece(`k${at}`));
  const run = await room.say(deskAt(root), { type: "start", job: { pieces, isParallel: true } });
  await system.schedule.advance(MINUTE_MS);
  const waiting = room.waits();

  machines.away.clear();
  room.look(false);
  await system.schedule.advance(MINUTE_MS);

  expect(waiting).toEqual({ waits: 1, waitsOfRun: 100, waiting: 1 });
  const { result } = (await endOf(room, run)) ?? {};
  const lost = (result as readonly unknown[]).filter((one) => one === "TARGET_LOST");
  expect(lost).toHaveLength(1);
  expect(machines.done.size).toBe(100);
  expect(room.waits()).toEqual({ waits: 0, waitsOfRun: 0, waiting: 0 });
});

/** What was wrong after a cancel of a run that waits, its child too, with a crash at this write. */
async function cancelled(of: Fault | null): Promise<{
  readonly wrong: readonly string[];
  readonly from: number;
  readonly to: number;
}> {
  let fault = of;
  let room: TargetRoom | undefined;
  room = await openTargetRoom({
    seed: 3,
    limits: { runIdleMs: 50 },
    onWrite: (write, stage) => {
      if (room === undefined || write !== fault?.write || stage !== "committed") return;
      const { kind } = fault;
      fault = null;
      room.system.crash(kind);
    },
  });
  const { system, machines } = room;
  machines.away.add("tg_1");
  const child = { pieces: [piece("inner")] };
  const job = { pieces: [{ ...piece("first"), target: "tg_2" }], child };
  const run = await room.say(deskAt(root), { type: "start", job });
  await system.schedule.advance(2_000);
  const before = room.waits().waitsOfRun;
  const from = system.disk.commits + 1;
  const key = { source: "test", key: "cancel", bodyHash: "b", hours: 24 };
  let crashes = 0;
  const up = async (): Promise<void> => {
    if (crashes === system.crashes) return;
    crashes = system.crashes;
    await system.start();
  };
  let answer: unknown;
  do {
    await up();
    answer = await room.say(deskAt(root), { type: "cancel", run }, key);
  } while (answer instanceof RuntimeError && AGAIN.has(answer.code));
  await system.schedule.until(() => crashes !== system.crashes, 3_000);
  const to = system.disk.commits;
  await up();
  await system.schedule.advance(10_000);
  const status = (await endOf(room, run))?.status;
  const left = Object.values(room.waits()).reduce((sum, rows) => sum + rows, 0);
  const wrong = [
    ...(before === 1 ? [] : [`${before} have waited`]),
    ...(status === "cancelled" ? [] : [`it is ${status}`]),
    ...(left === 0 ? [] : [`${left} rows of waits are left`]),
  ];
  return { wrong, from, to };
}

test("a run that is cancelled while its target is away ends, and nothing waits for it, whatever crashes", async () => {
  const calm = await cancelled(null);
  expect(calm.wrong).toEqual([]);
  expect(calm.to).toBeGreaterThan(calm.from);
  for (let write = calm.from; write <= calm.to; write += 1) {
    for (const kind of ["process", "power"] as const) {
      const { wrong } = await cancelled({ write, kind });
      expect(wrong, `${kind} at write ${write}`).toEqual([]);
    }
  }
}, 60_000);
