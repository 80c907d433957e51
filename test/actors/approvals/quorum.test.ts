// Several people have to agree: who counts, what voids, and that nothing is done before, through
// crashes and in any order.

import fc from "fast-check";
import { expect, test } from "vitest";
import { approvalsAddress } from "../../../actors/approvals/approval.ts";
import { counted, counts, type Vote } from "../../../actors/approvals/quorum.ts";
import type { Approval, Quorum } from "../../../actors/records/approval.ts";
import type { RuntimeError } from "../../../runtime/errors.ts";
import type { MessageKey } from "../../../runtime/message.ts";
import type { Crash } from "../../../runtime/store/memory.ts";
import { codeOf, DAY_MS, openRoom, type Room, TENANT } from "../../support/approval-room.ts";

const ROOT = "cv_1";
const two: Quorum = { required: 2, roles: null, keys: null, not_requester: false };

/** A run that waits for people to agree; the id of its approval. */
async function waiting(room: Room, quorum: Quorum): Promise<string> {
  await room.start(ROOT, { calls: [{ key: "pay", quorum }] });
  await room.system.schedule.advance(1_000);
  return room.approvals()[0]?.id ?? "";
}
const settle = (room: Room) => room.system.schedule.advance(1_000);

test("a call is made when as many as have to have approved it, and not before", async () => {
  const room = await openRoom();
  const id = await waiting(room, two);

  const first = (await room.decide(ROOT, id, { by: "ak_1", role: "operator" })) as Approval;
  await settle(room);
  const before = room.effects.length;
  await room.decide(ROOT, id, { by: "ak_2", role: "operator" });
  await settle(room);

  expect([first.status, before, room.effects.length]).toEqual(["pending", 0, 1]);
  expect(room.approvals()[0]).toMatchObject({
    ...{ status: "approved", decided_by: "ak_2" },
    decisions: [{ by: "ak_1", role: "operator", is_void: false }, { by: "ak_2" }],
  });
  expect(
    room.audit().map(({ action, by, details }) => [action, by, details?.["approvals"]]),
  ).toEqual([
    ["approval.approve", "ak_1", 1],
    ["approval.approve", "ak_2", 2],
  ]);
});

test("the same key counts once", async () => {
  const room = await openRoom();
  const id = await waiting(room, two);

  await room.decide(ROOT, id, { by: "ak_1" });
  const again = await room.decide(ROOT, id, { by: "ak_1" });
  await settle(room);

  expect([codeOf(again), room.effects]).toEqual(["CONFLICT", []]);
  expect((again as RuntimeError).details?.["current"]).toMatchObject({ status: "pending" });
});

test("one rejection ends it, whoever has approved before", async () => {
  const room = await openRoom();
  const id = await waiting(room, { ...two, required: 3 });

  await room.decide(ROOT, id, { by: "ak_1" });
  await room.decide(ROOT, id, { by: "ak_1", decision: "reject", note: "On second thought." });
  const late = await room.decide(ROOT, id, { by: "ak_2" });
  await settle(room);

  expect([codeOf(late), room.effects]).toEqual(["CONFLICT", []]);
  expect(room.approvals()[0]).toMatchObject({ status: "rejected", decided_by: "ak_1" });
});

test("arguments that one has changed have to be approved by all anew, who look at them", async () => {
  const room = await openRoom();
  const id = await waiting(room, two);

  await room.decide(ROOT, id, { by: "ak_1" });
  await room.decide(ROOT, id, { by: "ak_2", arguments: { amount: 500 } });
  const unseen = await room.decide(ROOT, id, { by: "ak_3" });
  const stale = await room.decide(ROOT, id, { by: "ak_3", argumentsVersion: 0 });
  await settle(room);
  const before = room.effects.length;
  await room.decide(ROOT, id, { by: "ak_1", argumentsVersion: 1 });
  await settle(room);

  expect([codeOf(unseen), codeOf(stale), before]).toEqual(["CONFLICT", "CONFLICT", 0]);
  expect(room.effects).toMatchObject([{ arguments: { amount: 500 } }]);
  expect(room.approvals()[0]?.decisions?.map((one) => [one.by, one.is_void])).toEqual([
    ["ak_1", true],
    ["ak_2", false],
    ["ak_1", false],
  ]);
});

test("who is not asked, and who started it, decide nothing", async () => {
  const room = await openRoom();
  const quorum = { required: 1, roles: ["admin"], keys: ["ak_7"], not_requester: true };
  const id = await waiting(room, quorum);
  const by = (key: string, role: string, requester: string | null = "ak_9") =>
    room.decide(ROOT, id, { by: key, role, requester });

  expect(codeOf(await by("ak_1", "developer"))).toBe("FORBIDDEN");
  expect(codeOf(await by("ak_9", "admin"))).toBe("FORBIDDEN");
  expect(codeOf(await by("ak_1", "admin", null))).toBe("FORBIDDEN");
  expect(codeOf(await by("admin", "server"))).toBe("FORBIDDEN");
  await settle(room);
  expect([room.effects, room.approvals()[0]?.decisions]).toEqual([[], []]);
  expect(codeOf(await by("ak_7", "viewer"))).toBe("none");
  await settle(room);
  expect(room.effects).toHaveLength(1);
});

test("nobody deciding in time approves nothing, whatever the default says and who has approved", async () => {
  const room = await openRoom();
  await room.start(ROOT, {
    calls: [{ key: "pay", quorum: two, default: "approve", expiresMs: DAY_MS }],
  });
  await settle(room);
  const id = room.approvals()[0]?.id ?? "";
  await room.decide(ROOT, id, { by: "ak_1" });

  await room.pass(2 * DAY_MS);
  await settle(room);

  expect([room.approvals()[0]?.status, room.effects]).toEqual(["expired", []]);
});

test("what was counted survives the loss of the process or the power at any write", async () => {
  for (const kind of ["process", "power"] as const satisfies readonly Crash[]) {
    for (let after = 1; after <= 4; after += 1) {
      let room: Room | undefined;
      let from = Number.POSITIVE_INFINITY;
      room = await openRoom({
        onWrite: (write, stage) => {
          if (room === undefined || write !== from + after || stage !== "committed") return;
          from = Number.POSITIVE_INFINITY;
          room.system.crash(kind);
        },
      });
      const id = await waiting(room, two);
      from = room.system.disk.commits;
      const decide = (by: string, key: string) =>
        said(room as Room, id, by, { source: "test", key, bodyHash: "b", hours: 24 });

      await decide("ak_1", "one");
      await decide("ak_1", "one");
      await decide("ak_2", "two");
      await settle(room);

      const [approval] = room.approvals();
      expect([kind, after, approval?.status]).toEqual([kind, after, "approved"]);
      expect(approval?.decisions?.map(({ by }) => by)).toEqual(["ak_1", "ak_2"]);
    }
  }
});

/** Says it again, under its key, until it is answered, as clients do; a system that has crashed is started. */
async function said(room: Room, id: string, by: string, key: MessageKey): Promise<void> {
  const message = { type: "decide", id, decision: "approve", by, note: null, arguments: null };
  for (let tries = 0; tries < 20; tries += 1) {
    const { crashes } = room.system;
    const answer = await room.say(approvalsAddress(TENANT, ROOT), message, key);
    if (crashes !== room.system.crashes) await room.system.start();
    if (["none", "CONFLICT"].includes(codeOf(answer)) && answer !== undefined) return;
  }
  throw new Error("It was never answered.");
}

const base = { id: "ap_1", status: "pending", arguments: { amount: 5 } } as unknown as Approval;
const votes = fc.array(
  fc.record({
    decision: fc.constantFrom(
      "approve" as const,
      "approve" as const,
      "approve" as const,
      "reject" as const,
    ),
    by: fc.constantFrom("ak_1", "ak_2", "ak_3", "ak_4"),
    role: fc.constantFrom("admin", "operator"),
    note: fc.constant(null),
    arguments: fc.option(fc.record({ amount: fc.integer({ min: 1, max: 3 }) }), { freq: 4 }),
    argumentsVersion: fc.option(fc.integer({ min: 0, max: 3 })),
    requester: fc.constant("ak_4"),
  }),
  { maxLength: 20 },
);
const quorums = fc.record({
  required: fc.integer({ min: 1, max: 3 }),
  roles: fc.option(fc.constant(["admin"])),
  keys: fc.option(fc.constant(["ak_3"])),
  not_requester: fc.boolean(),
});

test("whatever is decided in whatever order: who approved is as many as have to, each once, each may", () => {
  const one = (quorum: Quorum, all: readonly Vote[]): void => {
    let approval: Approval = { ...base, quorum };
    for (const vote of all) {
      let next: ReturnType<typeof counted>;
      try {
        next = counted(approval, vote, "2026-01-01T00:00:00Z");
      } catch {
        continue;
      }
      ({ approval } = next);
      const agreed = (approval.decisions ?? []).filter(counts);
      const names = agreed.map(({ by }) => by);
      expect(new Set(names).size).toBe(names.length);
      expect(agreed.every((given) => given.arguments_version === approval.arguments_version)).toBe(
        true,
      );
      if (quorum.not_requester) expect(names).not.toContain("ak_4");
      for (const { by, role } of agreed) {
        const isOpen = quorum.roles === null && quorum.keys === null;
        expect(isOpen || quorum.keys?.includes(by) || quorum.roles?.includes(role ?? "")).toBe(
          true,
        );
      }
      if (next.decided === null) {
        expect(agreed.length).toBeLessThan(quorum.required);
        continue;
      }
      if (next.decided.decision === "approve") {
        expect(agreed).toHaveLength(quorum.required);
        expect(next.decided.arguments).toEqual(approval.proposed_arguments ?? null);
      }
      return;
    }
  };
  fc.assert(fc.property(quorums, votes, one), { numRuns: 3_000, seed: 7 });
});
