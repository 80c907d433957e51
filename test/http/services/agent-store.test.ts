// An agent that names a record is stored only while the record is there.

import { expect, test } from "vitest";
import { newAgent } from "../../../actors/agent-change.ts";
import { defaultPrices } from "../../../actors/money/catalogue.ts";
import { noCharge } from "../../../actors/records/price.ts";
import { createAgentStore } from "../../../adapters/http/services/agent-store.ts";
import { RecordIndex } from "../../../adapters/http/services/record-index.ts";
import { lockOf } from "../../../adapters/http/services/record-links.ts";
import { createSerial } from "../../../adapters/serial.ts";
import { memoryTables, tablesOnly } from "../memory-tables.ts";

const caller = { tenant: "tn_1", keyId: null, service: "agents" };

test("a prompt that is removed while its agent waits to be stored refuses the agent", async () => {
  const tables = memoryTables();
  const serial = createSerial();
  const store = createAgentStore({
    ...{ system: tablesOnly(tables), index: new RecordIndex(tables), serial },
    ...{ usersOf: async () => [], prices: defaultPrices, nowMs: () => 1_700_000_000_000 },
  });
  const row = newAgent({ name: "A", prompt_id: "pr_1" }, "ag_1", "2026-01-01T00:00:00.000Z");
  const change = { from: null, row, more: [], charge: noCharge };
  await tables.write("tn_1", [{ type: "put", table: "prompts", id: "pr_1", value: {} }]);
  let release = (): void => undefined;
  const removal = serial.run(lockOf("tn_1"), async () => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    await tables.write("tn_1", [{ type: "remove", table: "prompts", id: "pr_1" }]);
  });

  const stored = store.commit(caller, change);
  await Promise.resolve();
  release();
  await removal;

  await expect(stored).rejects.toMatchObject({
    code: "INVALID",
    details: { pointer: "/prompt_id" },
  });
  expect(await tables.get("tn_1", "agents", "ag_1")).toBeUndefined();
});
