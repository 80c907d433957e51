// Calls that wait for a person, on virtual time: what was decided is done, once, and nothing else is.

import { expect, test } from "vitest";
import { approvalsAddress } from "../../../actors/approvals/approval.ts";
import { loadExpressions } from "../../../actors/expression.ts";
import { limits } from "../../../actors/limits.ts";
import { approvalTables } from "../../../actors/records/approval.ts";
import type { RuntimeError } from "../../../runtime/errors.ts";
import {
  codeOf,
  DAY_MS,
  deskAt,
  MINUTE_MS,
  openRoom,
  type Room,
  RUN_MS,
  TENANT,
} from "../../support/approval-room.ts";

const ROOT = "cv_1";
const pay = { calls: [{ key: "pay" }] };

/** A room with one run that waits, and the id of what it waits for. */
async function waiting(job: Parameters<Room["start"]>[1] = pay) {
  const room = await openRoom();
  const run = await room.start(ROOT, job);
  await room.system.schedule.advance(1_000);
  const [id = ""] = room.approvals().map((one) => one.id);
  return { room, run, id };
}

test("an approved call is made once with its arguments, and the decision stands in row, audit and events", async () => {
  const { room, run, id } = await waiting();
  expect(room.approvals()).toMatchObject([
    { run_id: run, root_run_id: run, conversation_key: ROOT, tool: "pay", status: "pending" },
  ]);
  expect(room.effects).toEqual([]);

  const answer = await room.decide(ROOT, id, { note: "Fine." });
  await room.system.schedule.advance(1_000);

  expect(answer).toMatchObject({ id, status: "approved", decided_by: "ak_1", note: "Fine." });
  expect(room.effects).toEqual([{ run, key: "pay", arguments: { amount: 5 } }]);
  expect(await room.ended(ROOT)).toEqual({ [run]: { status: "completed", result: ["paid"] } });
  expect(room.approvals()).toEqual([answer]);
  expect(room.rows(approvalTables.pending)).toEqual([]);
  expect(room.rows(approvalTables.byRun)).toEqual(["approved"]);
  expect(room.audit()).toMatchObject([
    { action: "approval.approve", by: "ak_1", subject: id, run_id: run },
  ]);
  const events = (await room.frames(ROOT, run)).flatMap((frame) =>
    frame.type === "event" ? [frame.event] : [],
  );
  expect(events).toMatchObject([
    { type: "approval_requested", id, run_id: run, tool: "pay", arguments: { amount: 5 } },
    { type: "approval_decided", id, decision: "approve", by: "ak_1", note: "Fine." },
  ]);
});

test("a declined call is never made, and whoever asked is told why", async () => {
  const { room, run, id } = await waiting();

  await room.decide(ROOT, id, { decision: "reject", note: "Too dear." });
  await room.system.schedule.advance(1_000);

  expect(room.effects).toEqual([]);
  const { result } = (await room.ended(ROOT))[run] ?? {};
  expect(result).toEqual(["A person declined this call. The reason given: Too dear."]);
});

test("a call is made with the arguments as a person changed them", async () => {
  const { room, id } = await waiting();

  await room.decide(ROOT, id, { arguments: { amount: 3 } });
  await room.system.schedule.advance(1_000);

  expect(room.effects).toMatchObject([{ arguments: { amount: 3 } }]);
  expect(room.approvals()).toMatchObject([
    { arguments: { amount: 5 }, decided_arguments: { amount: 3 } },
  ]);
});

test("of two decisions at once one counts, and the other is told what was decided", async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const room = await openRoom({ seed, delayMs: 30 });
    const run = await room.start(ROOT, pay);
    await room.system.schedule.advance(1_000);
    const id = room.approvals()[0]?.id ?? "";

    const answers = await Promise.all([
      room.decide(ROOT, id, { by: "ak_1" }),
      room.decide(ROOT, id, { by: "ak_2", decision: "reject" }),
    ]);
    await room.system.schedule.advance(1_000);

    expect(answers.map(codeOf).sort(), `seed ${seed}`).toEqual(["CONFLICT", "none"]);
    const refusal = answers.find((answer) => codeOf(answer) === "CONFLICT") as RuntimeError;
    const [row] = room.approvals();
    const { status, decided_by, decided_at, note } = row ?? {};
    expect(refusal.details).toEqual({ current: { status, decided_by, decided_at, note } });
    expect(room.effects.length).toBe(row?.status === "approved" ? 1 : 0);
    expect(Object.keys(await room.ended(ROOT))).toEqual([run]);
    expect(room.audit().length).toBe(1);
  }
});

test("a decision and the end of its time in either order, or in one turn of the clock: one counts", async () => {
  const orders = ["before", "after", "together, decision first", "together, expiry first"] as const;
  for (const order of orders) {
    for (const choice of ["reject", "approve"] as const) {
      const job = { calls: [{ key: "pay", expiresMs: MINUTE_MS, default: choice }] };
      const { room, run, id } = await waiting(job);
      const decision = choice === "approve" ? "reject" : "approve";
      const leftMs = MINUTE_MS - 1_000;
      let answer: unknown;
      if (order === "before") {
        await room.system.schedule.advance(leftMs - 100);
        answer = await room.decide(ROOT, id, { decision });
      } else if (order === "after") {
        await room.system.schedule.advance(leftMs + 100);
        answer = await room.decide(ROOT, id, { decision });
      } else {
        // Both lie in its mailbox when it is its turn: one commit takes them.
        const expire = () => room.say(approvalsAddress(TENANT, ROOT), { type: "expire", id });
        const decide = () => room.decide(ROOT, id, { decision });
        const isFirst = order === "together, decision first";
        const both = isFirst ? [decide(), expire()] : [expire(), decide()];
        answer = await both[isFirst ? 0 : 1];
      }
      await room.system.schedule.advance(2 * MINUTE_MS);

      const isDecided = order === "before" || order === "together, decision first";
      const status = isDecided ? (decision === "approve" ? "approved" : "rejected") : "expired";
      const by = isDecided ? "ak_1" : "expiry";
      const taken = isDecided ? decision : choice;
      const at = `${order}, default ${choice}`;
      expect(room.approvals(), at).toMatchObject([{ id, status, decided_by: by }]);
      expect(codeOf(answer), at).toBe(isDecided ? "none" : "CONFLICT");
      if (!isDecided) {
        const { details, message } = answer as RuntimeError;
        expect(details, at).toMatchObject({ current: { status: "expired", decided_by: "expiry" } });
        expect(message, at).toBe(`The approval ${id} is expired already, by expiry.`);
      }
      expect(room.effects.length, at).toBe(taken === "approve" ? 1 : 0);
      expect(room.audit(), at).toMatchObject([{ action: `approval.${taken}`, by }]);
      expect((await room.ended(ROOT))[run]?.status, at).toBe("completed");
    }
  }
});

test("when nobody decides in time the default is taken, a restart in between", async () => {
  for (const choice of ["reject", "approve"] as const) {
    const { room, run, id } = await waiting({
      calls: [{ key: "pay", expiresMs: 3 * DAY_MS, default: choice }],
    });
    await room.pass(2 * DAY_MS);
    expect(room.approvals()).toMatchObject([{ status: "pending" }]);
    room.system.crash("process");
    room.system.schedule.jump(2 * DAY_MS);
    await room.system.start();
    await room.system.schedule.advance(MINUTE_MS);

    expect(room.approvals()).toMatchObject([{ id, status: "expired", decided_by: "expiry" }]);
    expect(room.effects.length).toBe(choice === "approve" ? 1 : 0);
    expect((await room.ended(ROOT))[run]?.status).toBe("completed");
    expect(room.audit()).toMatchObject([{ action: `approval.${choice}`, by: "expiry" }]);
    expect(codeOf(await room.decide(ROOT, id, {}))).toBe("CONFLICT");
  }
});

test("a run that is cancelled takes its approvals with it, in memory or not, child runs too", async () => {
  const stubborn = { ...pay, isStubborn: true };
  const job = { calls: [], children: [pay, { calls: [], children: [stubborn] }] };
  for (const sleeps of [false, true]) {
    const { room, run } = await waiting(job);
    if (sleeps) await room.pass(DAY_MS);
    expect(room.inMemory()).toBe(sleeps ? 0 : 1);
    const ids = room.approvals().map(({ id }) => id);
    expect(ids.length).toBe(2);

    await room.say(deskAt(ROOT), { type: "cancel", run });
    await room.system.schedule.advance(10_000);

    expect((await room.ended(ROOT))[run]?.status).toBe("cancelled");
    expect(room.endsWritten(run)).toBe(1);
    expect(room.approvals().map(({ status }) => status)).toEqual(["cancelled", "cancelled"]);
    expect(room.rows(approvalTables.pending)).toEqual([]);
    const late = await room.decide(ROOT, ids[0] ?? "", {});
    expect((late as RuntimeError).details).toMatchObject({ current: { status: "cancelled" } });
    expect([room.effects, room.audit()]).toEqual([[], []]);
  }
});

test("a run may wait for days, nested ones too, and has the rest of its time after it", async () => {
  const job = {
    calls: [],
    children: [{ calls: [], children: [{ ...pay, thenMs: 5 * MINUTE_MS }] }],
  };
  const { room, run, id } = await waiting(job);

  await room.pass(6 * DAY_MS);
  expect(room.inMemory()).toBe(0);
  await room.decide(ROOT, id, {});
  await room.system.schedule.advance(RUN_MS);

  expect(room.approvals()).toMatchObject([{ run_id: `${run}.1.1`, root_run_id: run }]);
  expect(await room.ended(ROOT)).toEqual({
    [run]: { status: "completed", result: [[["paid"]]] },
  });
});

test("what a run does beside waiting still has its limit", async () => {
  for (const waitMs of [3 * MINUTE_MS, 6 * DAY_MS]) {
    const { room, run, id } = await waiting({ ...pay, thenMs: 20 * MINUTE_MS });
    await room.pass(waitMs);
    await room.decide(ROOT, id, {});

    await room.system.schedule.advance(RUN_MS - MINUTE_MS);
    expect(await room.ended(ROOT)).toEqual({});
    await room.system.schedule.advance(2 * MINUTE_MS);

    expect((await room.ended(ROOT))[run]).toEqual({ status: "expired", result: "DEADLINE" });
  }
});

test("a rule approves without a person and is recorded; one that fails or says anything else asks", async () => {
  const calls = ["args.amount < 10", "args.amount", "args.nothing.there", "no cel ("].map(
    (approveWhen, at) => ({ key: `k${at}`, approveWhen }),
  );
  // Virtual time does not wait for a module to be loaded.
  await loadExpressions();
  const { room, run } = await waiting({ calls, isParallel: true });

  const found = room.approvals().map(({ status, decided_by }) => `${status} ${decided_by}`);
  expect(found.sort()).toEqual(["approved rule", ...Array(3).fill("pending null")]);
  expect(room.effects).toMatchObject([{ run, key: "k0" }]);
  expect(room.audit()).toMatchObject([
    { action: "approval.approve", by: "rule", details: { rule: "args.amount < 10" } },
  ]);
  const told = room.approvals().filter(({ status }) => status === "pending");
  for (const { reason, rule, rule_error } of told) {
    expect(calls.map(({ approveWhen }) => approveWhen)).toContain(rule);
    expect(rule_error).toMatch(/\S/);
    expect(reason).toBe(
      `It costs money. The rule for automatic approval did not decide: ${rule_error}`,
    );
  }
});

test("a rule that says no is no news: a person is asked as without one", async () => {
  await loadExpressions();
  const { room } = await waiting({ calls: [{ key: "pay", approveWhen: "args.amount > 10" }] });

  expect(room.approvals()).toMatchObject([
    { status: "pending", reason: "It costs money.", rule: "args.amount > 10", rule_error: null },
  ]);
});

test("calls that wait side by side are decided each by itself", async () => {
  const keys = ["a", "b", "c"];
  const calls = keys.map((key) => ({ key, args: { key } }));
  const { room, run } = await waiting({ calls, isParallel: true });
  const idOf = (key: string): string =>
    room.approvals().find((one) => one.arguments["key"] === key)?.id ?? "";

  await room.decide(ROOT, idOf("c"), {});
  await room.pass(DAY_MS);
  await room.decide(ROOT, idOf("a"), { decision: "reject" });
  await room.pass(DAY_MS);
  expect(await room.ended(ROOT)).toEqual({});
  await room.decide(ROOT, idOf("b"), {});
  await room.system.schedule.advance(1_000);

  const { result } = (await room.ended(ROOT))[run] ?? {};
  expect(result).toEqual(["A person declined this call.", "paid", "paid"]);
  expect(room.effects.map(({ key }) => key)).toEqual(["c", "b"]);
});

test("more calls than a conversation may have waiting are declined, not lost", async () => {
  const calls = Array.from({ length: 9 }, (_, at) => ({ key: `k${at}` }));
  const children = Array.from({ length: 30 }, () => ({ calls, isParallel: true }));
  const { room } = await waiting({ calls: [], children });
  await room.system.schedule.advance(5_000);

  const { approvalsPending } = limits;
  expect(room.approvals().length).toBe(approvalsPending);
  expect(room.rows(approvalTables.pending).length).toBe(approvalsPending);
});

test("with its conversation everything that was asked in it goes, and nothing comes after", async () => {
  const { room, run, id } = await waiting({ calls: [{ key: "a" }, { key: "b" }] });
  await room.decide(ROOT, id, {});
  await room.system.schedule.advance(1_000);
  expect(room.approvals().length).toBe(2);

  const purged = room.system.send(approvalsAddress(TENANT, ROOT), { type: "purge" });
  await room.system.schedule.advance(1_000);
  await purged;
  await room.say(deskAt(ROOT), { type: "cancel", run });
  await room.start(ROOT, pay);
  await room.pass(limits.approvalKeptMs + DAY_MS);

  for (const table of Object.values(approvalTables)) expect(room.rows(table)).toEqual([]);
  const results = Object.values(await room.ended(ROOT)).map(({ result }) => result);
  expect(results).toContainEqual([
    "This call was declined. The reason given: The conversation has been deleted.",
  ]);
  expect(room.system.disk.rows.filter(({ key }) => key.startsWith("d/"))).toEqual([]);
});

test("what was decided is removed when it is old, what is pending is not", async () => {
  const { room, id } = await waiting();
  await room.decide(ROOT, id, {});
  await room.pass(limits.approvalKeptMs - DAY_MS);
  await room.start(ROOT, pay);
  await room.system.schedule.advance(MINUTE_MS);
  expect(room.approvals().length).toBe(2);

  await room.pass(2 * DAY_MS);

  expect(room.approvals()).toMatchObject([{ status: "pending" }]);
  expect(room.rows(approvalTables.byRun)).toEqual(["pending"]);
});

test("a fork of a run that waits asks for itself, and what becomes of it is nothing to the other", async () => {
  const { room, run } = await waiting();
  const { length } = await room.entries(ROOT, run);

  const fork = await room.start(ROOT, pay, { run, entries: length });
  await room.system.schedule.advance(1_000);
  const pending = room.approvals().map((one) => [one.run_id, one.status]);
  await room.say(deskAt(ROOT), { type: "cancel", run: fork });
  await room.pass(DAY_MS);

  expect(pending.sort()).toEqual([
    [run, "pending"],
    [fork, "pending"],
  ]);
  const statusOf = (of: string) => room.approvals().find(({ run_id }) => run_id === of)?.status;
  expect([statusOf(run), statusOf(fork)]).toEqual(["pending", "cancelled"]);
  const id = room.approvals().find(({ run_id }) => run_id === run)?.id ?? "";
  await room.decide(ROOT, id, {});
  await room.system.schedule.advance(1_000);
  expect(room.effects).toEqual([{ run, key: "pay", arguments: { amount: 5 } }]);
});

test("a fork asks again before it makes a call, and not about one that was made", async () => {
  const { room, run, id } = await waiting();
  await room.decide(ROOT, id, {});
  await room.system.schedule.advance(1_000);
  const entries = await room.entries(ROOT, run);
  const made = entries.indexOf("step pay:pay");
  expect(made).toBeGreaterThan(entries.indexOf("step approval:pay"));

  const after = await room.start(ROOT, pay, { run, entries: made + 1 });
  const before = await room.start(ROOT, pay, { run, entries: made });
  await room.pass(DAY_MS);

  expect((await room.ended(ROOT))[after]).toEqual({ status: "completed", result: ["paid"] });
  expect(room.approvals().map((one) => [one.run_id, one.status])).toEqual([
    [run, "approved"],
    [before, "pending"],
  ]);
  expect(room.effects.length).toBe(1);
  await room.decide(ROOT, room.approvals()[1]?.id ?? "", { decision: "reject" });
  await room.system.schedule.advance(1_000);
  expect(room.effects.length).toBe(1);
});
