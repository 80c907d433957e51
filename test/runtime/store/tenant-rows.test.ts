// Every family of keys has its tenant at a place of its own: found in each, and never another's.

import { expect, test } from "vitest";
import { address } from "../../../runtime/address.ts";
import { encode } from "../../../runtime/store/codec.ts";
import { keys, type MemoryPlace } from "../../../runtime/store/keys.ts";
import type { Environment, Reader } from "../../../runtime/store/store.ts";
import { keysOfTenant, tenantOfKey } from "../../../runtime/store/tenant-rows.ts";

/** Names of which one is the beginning of the other, and such as have signs of their own. */
const TENANTS = ["tn_a", "tn_ab", "tn_a.b", "tn_a~", "tn"] as const;

/** A key of each builder that is given a tenant; those that give beginnings of keys are left out. */
function keysFor(tenant: string): Record<Environment, Readonly<Record<string, string>>> {
  const at = address({ kind: "k", tenant, root: "cv_1" });
  const run = address({ kind: "k", tenant, root: "cv_1", path: "rn_1" });
  const place: MemoryPlace = { tenant, shelf: "m", agent: "ag", user: null, collection: "c" };
  const done = keys.memoryDone(place, "op");
  return {
    hot: {
      suspended: keys.suspended(tenant),
      bytes: keys.bytes(tenant),
      inbox: keys.inbox(at, "1"),
      state: keys.state(at),
      record: keys.record(at, "a/b"),
      journal: keys.journal(run, 0),
      run: keys.run(tenant, "rn_1"),
      runEnded: keys.runEnded(7, tenant, "rn_1"),
      runsEndedIn: keys.runsEndedIn(7, tenant),
      openRun: keys.openRun(3, tenant, "rn_1"),
      reminder: keys.reminder(at, "n"),
      reminderDue: keys.reminderDue(3, 99, at, "n"),
      deadLetter: keys.deadLetter(tenant, "dl_1"),
      quarantine: keys.quarantine(at),
      seen: keys.seen(tenant, "http", "key"),
      seenExpiry: keys.seenExpiry(7, tenant, "http", "key"),
      seenRoom: keys.seenRoom(tenant),
      table: keys.table(tenant, "agents", "ag_1"),
      counter: keys.counter(tenant, "balance"),
    },
    bulk: {
      collectionHead: keys.collectionHead(tenant, "c"),
      editions: keys.editions(tenant, "c"),
      change: keys.change(tenant, "c", 1),
      document: keys.document(tenant, "c", "d"),
      slot: keys.slot(tenant, "c", 1),
      write: keys.write(tenant, "c", "d", "w"),
      documentText: keys.documentText(tenant, "c", "d", "w"),
      chunk: keys.chunk(tenant, "c", "d", "w", 1),
      segment: keys.segment(tenant, "c"),
      jobSource: keys.jobSource(tenant, "jb", 1),
      jobSourceBytes: keys.jobSourceBytes(tenant, "jb", 1, 1),
      jobDocument: keys.jobDocument(tenant, "jb", 1),
      jobPublished: keys.jobPublished(tenant, "jb", 1),
      jobUnit: keys.jobUnit(tenant, "jb", 1),
      jobReading: keys.jobReading(tenant, "jb", 1),
      jobPiece: keys.jobPiece(tenant, "jb", 1, 1),
      memoryHead: keys.memoryHead(place),
      memoryOfUser: keys.memoryOfUser(place),
      memory: keys.memory(place, "me"),
      memoryById: keys.memoryById(tenant, "me"),
      memoryDone: done,
      memoryDoneExpiry: keys.memoryDoneExpiry(7, done),
    },
  };
}

/** Builders of what has no tenant, of beginnings of keys, and readers of keys. */
const OTHERS: readonly string[] = [
  ...[
    "header",
    "suspendedTenants",
    "bytesOfTenants",
    "counted",
    "epoch",
    "inboxOf",
    "inboxShard",
    "inboxOfTenant",
  ],
  ...["inboxOfRun", "recordOf", "journalOf", "runsOf", "runsEndedBefore", "ended", "openRunsOf"],
  ...["remindersDueOf", "remindersDueUntil", "deadLettersOf", "quarantined", "quarantinedOf"],
  ...["deadLetters", "seenOfExpiry", "seenExpiredBefore", "tables", "tableOf", "collectionHeads"],
  ...["changesOf", "documentsOf", "slotsOf", "writesOf", "documentTextsOf", "chunksOf", "chunksIn"],
  ...["jobKept", "jobsKept", "jobSourceBytesOf", "jobDocumentsOf", "jobUnitsOf", "jobPiecesOf"],
  ...["memoryHeadsOf", "memoriesOfUser", "memoriesIn", "memoryDoneExpiredBefore", "memoryDoneOf"],
];

const environments: readonly Environment[] = ["hot", "bulk"];

test("every builder of keys is looked at here", () => {
  const { hot, bulk } = keysFor("tn_a");

  expect([...Object.keys(hot), ...Object.keys(bulk), ...OTHERS].sort()).toEqual(
    Object.keys(keys).sort(),
  );
});

test("the tenant of a key is the one it was built with, in every family", () => {
  for (const tenant of TENANTS) {
    const built = keysFor(tenant);
    for (const environment of environments) {
      const found = Object.entries(built[environment]).filter(
        ([, key]) => tenantOfKey(environment, key) !== tenant,
      );
      expect(found).toEqual([]);
    }
  }
});

test("rows of the folder belong to nobody, and a family that is not known is refused", () => {
  expect([keys.header, keys.epoch(3)].map((key) => tenantOfKey("hot", key))).toEqual([null, null]);
  expect(() => tenantOfKey("hot", "new/tn_a/1")).toThrow("No family");
  expect(() => tenantOfKey("bulk", "b/z/tn_a")).toThrow("No family");
});

test("all rows of a tenant are found, and none of one whose name begins alike", async () => {
  for (const environment of environments) {
    const all = TENANTS.flatMap((tenant) => Object.values(keysFor(tenant)[environment])).sort();
    const reader = readerOf(all);
    for (const tenant of TENANTS) {
      const found: string[] = [];
      for await (const page of keysOfTenant(reader, environment, tenant)) found.push(...page);
      const own = Object.values(keysFor(tenant)[environment]).filter((key) => key[0] !== "!");
      expect(found.sort()).toEqual(own.sort());
    }
  }
});

function readerOf(all: readonly string[]): Reader {
  const value = encode(null);
  return {
    get: (key) => (all.includes(key) ? value : undefined),
    range: ({ from, to, limit }) =>
      all
        .filter((key) => key >= from && key < to)
        .slice(0, limit)
        .map((key) => ({ key, value })),
  };
}
