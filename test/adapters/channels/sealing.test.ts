// Secrets of channels and triggers as they lie on the disk: sealed wherever a record is stored, and opened for main.

import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { channelTables } from "../../../adapters/channels/tables.ts";
import { renewedRow, rowSeals } from "../../../adapters/secret-rows.ts";
import {
  emptyMasterKeys,
  KEY_BYTES,
  replaceMasterKeys,
} from "../../../adapters/vault/master-keys.ts";
import { createVault } from "../../../adapters/vault/vault.ts";

const keys = emptyMasterKeys();
replaceMasterKeys(keys, [randomBytes(KEY_BYTES)]);
const vault = createVault(keys);
const { seal, open } = rowSeals(vault);

const SECRET = "a-secret-that-nobody-sees";
const record = { id: "ch_1", kind: "relay", secrets: { one: SECRET, two: "***", three: "" } };
const row = { record, version: 1, links: { agent: "ag_1" } };

const hook = { record: { id: "tr_1", secrets: { signing: SECRET } }, version: 1 };

test.each([
  ["a trigger", "triggers", hook],
  ["a version of a trigger", "triggers-versions", hook],
  ["an answer with a trigger", "idempotency", { bodyHash: "h", at: 1, result: hook }],
  ["a record", channelTables.records, row],
  ["a version of it", channelTables.versions, row],
  ["an answer kept for a repeat", "idempotency", { bodyHash: "h", at: 1, result: row }],
  ["what an account keeps", channelTables.kept, { value: SECRET }],
])("%s is sealed on the disk and opened for main", (_, table, value) => {
  const stored = seal("tn_a", table, value);

  expect(JSON.stringify(stored)).not.toContain(SECRET);
  expect(open("tn_a", table, stored)).toEqual(value);
  expect(seal("tn_a", table, stored)).toBe(stored);
  expect(() => open("tn_b", table, stored)).toThrow();
  expect(renewedRow(vault)({ tenant: "tn_a", table, value: stored })).toBe(stored);
});

test("what only looks like it stays as it is", () => {
  const other = { record: { id: "ag_1", secrets: { one: SECRET } } };

  expect(seal("tn_a", "idempotency", { result: other })).toEqual({ result: other });
});
