// A channel that was removed, on virtual time: what it has left goes, whatever dies at whatever write.

import { expect, test } from "vitest";
import { deliveriesTable, deliveryStatesTable } from "../../../actors/channels/delivery-row.ts";
import {
  sessionOfConversationTable,
  sessionsTable,
} from "../../../actors/channels/session-state.ts";
import { type AuditRow, auditTable } from "../../../actors/records/audit.ts";
import { removalAddress } from "../../../actors/removal.ts";
import { mailboxTables } from "../../../adapters/channels/mailbox-rows.ts";
import { channelTables } from "../../../adapters/channels/tables.ts";
import { ChannelWorld, channelId, platform, said, tenant } from "../../support/channel-world.ts";

const MINUTE_MS = 60_000;
const tables = [
  ...[deliveriesTable, deliveryStatesTable, sessionOfConversationTable, sessionsTable],
  ...Object.values(channelTables),
  ...Object.values(mailboxTables),
];
const put: readonly (readonly [table: string, id: string])[] = [
  [channelTables.people, `${channelId}.a`],
  [channelTables.aliases, `${channelId}.user.a`],
  [channelTables.parked, `${channelId}.pk_1`],
  [channelTables.kept, `${channelId}.tokens`],
  [channelTables.versions, `${channelId}.1`],
  [channelTables.cursors, channelId],
  [mailboxTables.heads, `${channelId}.b`],
  [mailboxTables.entries, `${channelId}.b.1`],
];

/** Rows of channels, and records of sessions and lanes. */
function left(one: ChannelWorld): readonly string[] {
  const rows = tables.flatMap((table) => one.ids(table).map((id) => `${table} ${id}`));
  const kept = one.system.disk.rows
    .map(({ key }) => key)
    .filter((key) => /(channel-session|delivery-lane)/.test(key) && /\/[se]\.[^/]*$/.test(key));
  return [...rows, ...kept];
}

/** One where somebody was answered, and two answers are on their way and wait. */
async function world(onWrite?: () => void): Promise<ChannelWorld> {
  const wait = { ok: false, class: "rate", reason: "slow", retryAfterMs: 60 * MINUTE_MS } as const;
  const made = platform({ answer: (_, call) => (call === 1 ? null : wait) });
  const one = new ChannelWorld(made, onWrite);
  await one.start();
  for (const [table, id] of put) await one.settled(one.put(table, id, {}));
  for (const id of ["m1", "m2", "m3"]) {
    await one.settled(one.hear(said(id, id)));
    await one.system.schedule.advance(MINUTE_MS);
  }
  return one;
}

async function remove(one: ChannelWorld): Promise<void> {
  const begun = one.system.ask(removalAddress(tenant), { type: "channel", id: channelId });
  await one.settled(begun);
  await one.settled(one.put("channels", channelId, undefined));
}

test("nothing of a removed channel is left in the rows, and the audit says what was unsent", async () => {
  const one = await world();
  const statuses = one.deliveries().map(({ status }) => status);
  const unsent = one.deliveries().filter(({ status }) => status !== "sent");
  expect(statuses.sort()).toEqual(["pending", "sending", "sent"]);
  expect(left(one).length).toBeGreaterThan(put.length + 8);

  await remove(one);
  await one.system.schedule.until(() => left(one).length === 0, 10 * MINUTE_MS);
  // What is said to it by then is nothing, and leaves nothing.
  await one.settled(one.hear(said("m1", "m1"))).catch(() => undefined);
  await one.system.schedule.advance(3 * 24 * 60 * MINUTE_MS);

  expect(left(one)).toEqual([]);
  expect(one.texts()).toEqual(["You said: m1"]);
  expect(one.rows<AuditRow>(auditTable)).toEqual([
    expect.objectContaining({
      ...{ action: "channel.removed", subject: channelId, by: "server" },
      details: { unsent: 2, first: expect.stringContaining(unsent[0]?.id ?? "none") },
    }),
  ]);
});

test("a channel that was not removed after all keeps everything", async () => {
  const one = await world();
  const before = left(one);
  await one.settled(one.system.ask(removalAddress(tenant), { type: "channel", id: channelId }));
  await one.system.schedule.advance(5 * MINUTE_MS);

  expect(left(one)).toEqual(before);
});

test("a crash at any write of a removal goes on with it", async () => {
  let writes = Number.POSITIVE_INFINITY;
  for (let crashAt = 1; crashAt <= writes; crashAt += 1) {
    let [count, isArmed] = [0, false];
    const one: ChannelWorld = await world(() => {
      if (!isArmed) return;
      count += 1;
      if (count === crashAt) one.system.crash(crashAt % 2 === 0 ? "power" : "process");
    });
    await one.settled(one.system.ask(removalAddress(tenant), { type: "channel", id: channelId }));
    await one.settled(one.put("channels", channelId, undefined));
    isArmed = true;
    const isOver = (): boolean => left(one).length === 0 || one.system.crashes > 0;
    await one.system.schedule.until(isOver, 10 * MINUTE_MS);
    if (count < crashAt) writes = crashAt - 1;
    isArmed = false;
    if (one.system.crashes > 0) await one.system.start();
    await one.system.schedule.until(() => left(one).length === 0, 10 * MINUTE_MS);

    expect(left(one), `crash at ${crashAt}`).toEqual([]);
    expect(one.rows<AuditRow>(auditTable)).toHaveLength(1);
  }
  expect(writes).toBeGreaterThan(10);
}, 120_000);
