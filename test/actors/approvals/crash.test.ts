// People decide, twice at once too, runs are cancelled, times run out, and the process or the power
// fails between any two storage writes: what was decided is what was done, and it is done once.

import { expect, test } from "vitest";
import type { Approval } from "../../../actors/records/approval.ts";
import { approvalTables } from "../../../actors/records/approval.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Crash } from "../../../runtime/store/memory.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import {
  codeOf,
  deskAt,
  type Job,
  MINUTE_MS,
  openRoom,
  type Room,
  type Told,
} from "../../support/approval-room.ts";

const ROOTS = ["cv_1", "cv_2", "cv_3"];
const ROUNDS = 8;
const SEEDS_WRITE_BY_WRITE = 2;
const SEEDS = 25;
/** Every so many writes of a seed that is tried write by write: together all of them. */
const STRIDE = 5;
const AGAIN = new Set(["WORKER_LOST", "STALE_EPOCH", "SHUTTING_DOWN", "DEADLINE"]);

interface Fault {
  readonly write: number;
  readonly kind: Crash;
}

/** One simulation. */
class Course {
  readonly acknowledged = new Map<string, { readonly decision: string; readonly by: string }>();
  readonly runs = new Map<string, string>();
  readonly wrong: string[] = [];
  readonly #random: () => number;
  readonly #room: Room;
  #crashes = 0;
  #keys = 0;

  constructor(seed: number, room: Room) {
    this.#random = seeded(seed * 17 + 3);
    this.#room = room;
  }

  async run(): Promise<Course> {
    for (const root of [...ROOTS, ...ROOTS.slice(0, 1)]) {
      const message = { type: "start", job: this.#job(2) };
      this.runs.set(String(await this.#say(root, message, "desk")), root);
    }
    for (let round = 0; round < ROUNDS; round += 1) {
      await this.#pass(this.#random() * 30_000);
      if (this.#random() < 0.15) {
        const [run = "", root = ""] = this.#pick([...this.runs]);
        await this.#say(root, { type: "cancel", run }, "desk");
        continue;
      }
      const open = this.#room.approvals().filter(({ status }) => status === "pending");
      if (open.length > 0) await this.#decide(this.#pick(open));
    }
    for (let waited = 0; waited < 30 && (await this.#ended()).size < this.runs.size; waited += 1) {
      await this.#pass(MINUTE_MS);
    }
    this.#room.system.crash("process");
    await this.#pass(10_000);
    return this;
  }

  /** Everything that does not hold. */
  async violations(): Promise<readonly string[]> {
    const { wrong } = this;
    const say = (what: string): void => void wrong.push(what);
    const rows = this.#room.approvals();
    const ended = await this.#ended();
    for (const run of this.runs.keys()) if (!ended.has(run)) say(`${run} never ended`);
    for (const row of rows) this.#checkRow(row, ended.get(row.root_run_id), say);
    // Who asked was called: it writes what it writes at its end once, however it ended.
    for (const run of new Set([...this.runs.keys(), ...rows.map(({ run_id }) => run_id)])) {
      const written = this.#room.endsWritten(run);
      if (written !== 1) say(`${run} has written its end ${written} times`);
    }
    const pending = this.#room.rows(approvalTables.pending).length;
    if (pending > 0) say(`${pending} are listed as pending`);
    for (const [id, { decision, by }] of this.acknowledged) {
      const row = rows.find((one) => one.id === id);
      const status = decision === "approve" ? "approved" : "rejected";
      if (row?.status !== status || row.decided_by !== by) {
        say(`${id}: ${by} was told ${status}; it is ${row?.status} by ${row?.decided_by}`);
      }
    }
    // What is decided is looked through when it is old.
    const left = this.#room.system.disk.rows.filter(
      ({ key }) => /^[iom]\//.test(key) && !key.endsWith("/sweep"),
    );
    for (const { key } of left) say(`row ${key} is left over`);
    return wrong;
  }

  #checkRow(row: Approval, run: Told | undefined, say: (what: string) => void): void {
    const { id, status } = row;
    if (status === "pending") say(`${id} is pending for ever`);
    const isApproved = status === "approved" || (status === "expired" && row.default === "approve");
    const key = String(row.arguments["key"]);
    const done = this.#room.effects.filter((one) => one.run === row.run_id && one.key === key);
    if (done.length > 1) say(`${id} was done ${done.length} times`);
    if (done.length > 0 && !isApproved) say(`${id} is ${status} and was done`);
    // A step that was cut by a crash may have happened, says so, and is not tried again.
    const isKnown = run?.status === "completed" && !JSON.stringify(run).includes("STEP_UNKNOWN");
    if (isApproved && isKnown && done.length === 0) say(`${id} is ${status} and was never done`);
    const given = row.decided_arguments ?? row.arguments;
    for (const one of done) {
      if (JSON.stringify(one.arguments) !== JSON.stringify(given)) say(`${id} was done otherwise`);
    }
    const audits = this.#room.audit().filter(({ subject }) => subject === id).length;
    if (audits !== (status === "cancelled" ? 0 : 1)) say(`${id} has ${audits} audit rows`);
  }

  /** How runs have ended so far. */
  async #ended(): Promise<ReadonlyMap<string, Told>> {
    const all = new Map<string, Told>();
    for (const root of ROOTS) {
      const told = await this.#say(root, { type: "ended" }, "desk");
      for (const [run, end] of Object.entries(told as Record<string, Told>)) all.set(run, end);
    }
    return all;
  }

  /** One decides, or two at once. */
  async #decide({ id, root }: Approval): Promise<void> {
    const deciders = this.#random() < 0.4 ? ["ak_1", "ak_2"] : ["ak_1"];
    const answers = deciders.map(async (by) => {
      const decision = this.#random() < 0.6 ? "approve" : "reject";
      const edited = decision === "approve" && this.#random() < 0.3 ? { amount: 1 } : null;
      const message = { type: "decide", id, decision, by, note: null, arguments: edited };
      const answer = await this.#say(root, message, "approval");
      if (codeOf(answer) === "none") {
        if (this.acknowledged.has(id)) this.wrong.push(`${id} was decided twice`);
        this.acknowledged.set(id, { decision, by });
      } else if (codeOf(answer) !== "CONFLICT") this.wrong.push(`${id} got ${codeOf(answer)}`);
    });
    await Promise.all(answers);
  }

  #job(depth: number): Job {
    const calls = Array.from({ length: 1 + Math.floor(this.#random() * 2) }, (_, at) => ({
      key: `k${at}`,
      args: { key: `k${at}` },
      expiresMs: MINUTE_MS + this.#random() * MINUTE_MS,
      default: this.#pick(["approve", "reject"] as const),
    }));
    const count = depth === 0 ? 0 : Math.floor(this.#random() * 2.5);
    const children = Array.from({ length: count }, () => this.#job(depth - 1));
    return { calls, children, isParallel: this.#random() < 0.5 };
  }

  /** Says it under one key until it is answered, whatever breaks. */
  async #say(root: string, message: object, kind: "desk" | "approval"): Promise<unknown> {
    this.#keys += 1;
    const key = { source: "test", key: `k${this.#keys}`, bodyHash: "b", hours: 24 };
    const to = deskAt(root).replace(/^desk/, kind);
    for (let tries = 0; tries < 100; tries += 1) {
      await this.#up();
      const answer = await this.#room.say(to, message, key);
      if (!(answer instanceof RuntimeError) || !AGAIN.has(answer.code)) return answer;
      await this.#pass(100);
    }
    throw new Error("never answered");
  }

  /** Time goes by; a system that has crashed is started again. */
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
      await system.start();
    }
  }

  #pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.#random() * of.length)] as T;
  }
}

/** Runs a seed with these faults; what is wrong, and how many writes there were. */
async function judged(
  seed: number,
  faults: readonly Fault[],
): Promise<{ readonly wrong: readonly string[]; readonly writes: number; readonly done: number }> {
  const left = new Map(faults.map(({ write, kind }) => [write, kind]));
  let room: Room | undefined;
  room = await openRoom({
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
  return { wrong, writes: room.system.disk.commits, done: room.effects.length };
}

test("a crash after any storage write changes nothing about what is decided and done", async () => {
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
    const random = seeded(seed * 31);
    const faults = Array.from({ length: 3 }, (): Fault => {
      const write = 4 + Math.floor(random() * 150);
      return { write, kind: random() < 0.5 ? "process" : "power" };
    });

    const { wrong } = await judged(seed, faults);

    expect(wrong, `seed ${seed}, ${JSON.stringify(faults)}`).toEqual([]);
  }
}, 120_000);

/** What was wrong after a cancel of runs that wait, child runs too, with a crash at this write. */
async function cancelled(of: {
  readonly hibernates: boolean;
  readonly fault: Fault | null;
}): Promise<{ readonly wrong: readonly string[]; readonly from: number; readonly to: number }> {
  let room: Room | undefined;
  let fault = of.fault;
  room = await openRoom({
    seed: 5,
    limits: { runIdleMs: of.hibernates ? 50 : 60_000 },
    onWrite: (write, stage) => {
      if (room === undefined || write !== fault?.write || stage !== "committed") return;
      const { kind } = fault;
      fault = null;
      room.system.crash(kind);
    },
  });
  const { system } = room;
  const [root = ""] = ROOTS;
  const child: Job = { calls: [{ key: "inner" }] };
  const run = await room.start(root, { calls: [], children: [{ ...child, children: [] }, child] });
  await system.schedule.advance(2_000);
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

  const wrong: string[] = [];
  const status = (await room.ended(root))[run]?.status;
  if (status !== "cancelled") wrong.push(`it is ${status}`);
  for (const one of [run, `${run}.1`, `${run}.2`]) {
    const written = room.endsWritten(one);
    if (written !== 1) wrong.push(`${one} has written its end ${written} times`);
  }
  for (const { id, status } of room.approvals()) {
    if (status !== "cancelled") wrong.push(`${id} is ${status}`);
  }
  if (room.effects.length > 0) wrong.push("something was done");
  return { wrong, from, to };
}

test("a run that is cancelled while it waits writes what it has to at its end, whatever crashes", async () => {
  for (const hibernates of [false, true]) {
    const calm = await cancelled({ hibernates, fault: null });
    expect(calm.wrong, `hibernates: ${hibernates}`).toEqual([]);
    expect(calm.to).toBeGreaterThan(calm.from);
    for (let write = calm.from; write <= calm.to; write += 1) {
      for (const kind of ["process", "power"] as const) {
        const { wrong } = await cancelled({ hibernates, fault: { write, kind } });
        expect(wrong, `hibernates: ${hibernates}, ${kind} at write ${write}`).toEqual([]);
      }
    }
  }
}, 60_000);
