// Messages that wait to be fetched: their numbers, their bounds, who waits for them, and a restart.

import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { type Mailbox, mailboxLimits } from "../../../adapters/channels/mailbox.ts";
import { mailboxTables } from "../../../adapters/channels/mailbox-rows.ts";
import { createMailboxes } from "../../../adapters/channels/mailboxes.ts";
import type { Tables } from "../../../runtime/system.ts";
import { memoryTables } from "../../http/memory-tables.ts";
import { startTestSystem, stopAll } from "../../support/threads-system.ts";

afterEach(stopAll);

const DAY_MS = 24 * 3_600_000;
const account = { tenant: "tn_1", channel: "ch_1" };

function boxOf(tables: Tables, nowMs: () => number = () => 1_800_000_000_000): Mailbox {
  return createMailboxes({ tables, nowMs }).of(account);
}

const textsOf = async (mailbox: Mailbox, conversation = "c", after = 0) =>
  (await mailbox.read(conversation, after, 100)).entries.map(({ body }) => body["text"]);

test("a key is one entry however often and however much at once it is added, in a real store too", async () => {
  const { system } = await startTestSystem({ workers: 0 });
  const mailbox = boxOf(system.tables);

  const seqs = await Promise.all(
    Array.from({ length: 12 }, (_, n) => mailbox.append("c", `k${n % 4}`, { text: `${n % 4}` })),
  );
  const again = boxOf(system.tables);
  const page = await again.read("c", 0, 100);

  expect(new Set(seqs).size).toBe(4);
  expect(await again.append("c", "k2", { text: "other" })).toBe(seqs[2]);
  expect(page.entries.map(({ seq }) => seq)).toEqual([...new Set(seqs)].sort());
  expect(page.last).toBe(Math.max(...seqs));
  expect((await again.read("c", seqs[1] ?? 0, 1)).entries).toHaveLength(1);
  expect(await textsOf(again, "another")).toEqual([]);
});

test("what is replaced comes again to who has read it, and keeps its first number", async () => {
  const mailbox = boxOf(memoryTables());
  const first = await mailbox.append("c", "a", { text: "draft" });
  const second = await mailbox.append("c", "b", { text: "next" });
  const seq = await mailbox.replace("c", "a", { text: "done" });

  const { entries } = await mailbox.read("c", second, 100);

  expect(entries).toMatchObject([{ seq, first, key: "a", body: { text: "done" } }]);
  expect(await textsOf(mailbox)).toEqual(["next", "done"]);
  expect(await mailbox.append("c", "a", { text: "late" })).toBe(seq);
});

test("whoever waits is woken by the next entry, by nobody else's, and by the end of their patience", async () => {
  const mailbox = boxOf(memoryTables());
  const seq = await mailbox.append("c", "a", { text: "one" });
  const patience = new AbortController();
  await mailbox.wait("c", seq - 1, patience.signal);
  const woken: string[] = [];
  const waits = [
    mailbox.wait("c", seq, patience.signal).then(() => woken.push("next")),
    mailbox.wait("d", 0, patience.signal).then(() => woken.push("patience")),
  ];

  await mailbox.append("c", "b", { text: "two" });
  await waits[0];
  patience.abort();
  await Promise.all(waits);

  expect(woken).toEqual(["next", "patience"]);
});

test("one call more than may wait for a conversation is refused, and there is room again after", async () => {
  const mailbox = boxOf(memoryTables());
  const patience = new AbortController();
  const waits = Array.from({ length: mailboxLimits.conversationWaiters }, () =>
    mailbox.wait("c", 0, patience.signal),
  );

  await expect(mailbox.wait("c", 0, patience.signal)).rejects.toMatchObject({ code: "POOL_FULL" });
  mailbox.wake("c");
  await Promise.all(waits);
  const free = mailbox.wait("c", 0, patience.signal);
  patience.abort();
  await free;
});

test("the oldest go when there are too many or they are too large, and a reader behind them is told", async () => {
  const tables = memoryTables();
  const mailbox = boxOf(tables);
  const seqs: number[] = [];
  for (let n = 0; n <= mailboxLimits.entries; n += 1) {
    seqs.push(await mailbox.append("many", `k${n}`, { text: `${n}` }));
  }
  const large = "x".repeat(mailboxLimits.entryBytes - 100);
  for (let n = 0; n < 10; n += 1) await mailbox.append("large", `k${n}`, { text: large });

  const behind = await mailbox.read("many", (seqs[0] ?? 0) - 1, 1);
  const near = await mailbox.read("many", seqs[0] ?? 0, 1);
  const largeLeft = await tables.list("tn_1", mailboxTables.keys, { limit: 200 });

  expect(behind).toMatchObject({ isCut: true, entries: [{ body: { text: "1" } }] });
  expect(near).toMatchObject({ isCut: false });
  expect((await textsOf(mailbox, "large")).length).toBe(8);
  expect(largeLeft.length).toBeLessThanOrEqual(mailboxLimits.entries + 8);
  const over = { text: "x".repeat(mailboxLimits.entryBytes) };
  await expect(mailbox.append("c", "k", over)).rejects.toThrow(/at most 1048576/);
});

test("a conversation that is long silent is forgotten whole, and its numbers still grow", async () => {
  const tables = memoryTables();
  let nowMs = 1_800_000_000_000;
  const mailbox = boxOf(tables, () => nowMs);
  for (let n = 0; n < 250; n += 1) await mailbox.append("old", `k${n}`, { text: "x" });
  const { last } = await mailbox.read("old", 0, 1);
  await mailbox.append("kept", "k", { text: "x" });
  nowMs += 20 * DAY_MS;
  await mailbox.append("kept", "k2", { text: "x" });

  for (let hour = 0; hour < 4; hour += 1) {
    nowMs += hour === 0 ? 12 * DAY_MS : 3_600_000;
    await mailbox.append("new", `k${hour}`, { text: "x" });
  }

  expect(await mailbox.read("old", 0, 1)).toEqual({ entries: [], last: 0, isCut: false });
  expect(await textsOf(mailbox, "kept")).toHaveLength(2);
  const rows = await Promise.all(
    Object.values(mailboxTables).map((table) => tables.list("tn_1", table, { limit: 200 })),
  );
  expect(rows.map(({ length }) => length).sort((a, b) => a - b)).toEqual([2, 2, 6, 6]);
  expect(await mailbox.append("old", "k0", { text: "again" })).toBeGreaterThan(last);
});

test("a reader that goes on from what it has gets every entry once, in order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 4 }),
      async (bursts, limit) => {
        const mailbox = boxOf(memoryTables());
        const heard: unknown[] = [];
        let after = 0;
        let sent = 0;
        for (const burst of bursts) {
          for (let n = 0; n < burst; n += 1) {
            await mailbox.append("c", `k${sent}`, { text: sent });
            sent += 1;
          }
          for (let more = true; more; ) {
            const { entries } = await mailbox.read("c", after, limit);
            heard.push(...entries.map(({ body }) => body["text"]));
            after = entries.at(-1)?.seq ?? after;
            more = entries.length === limit;
          }
        }

        expect(heard).toEqual(Array.from({ length: sent }, (_, n) => n));
      },
    ),
    { numRuns: 30 },
  );
});
