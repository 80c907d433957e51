// Creation under an Idempotency-Key: once for each key and day, and old keys are forgotten.

import { expect, test } from "vitest";
import { once } from "../../../adapters/http/services/once.ts";
import { memoryTables } from "../memory-tables.ts";

const day = 24 * 3_600_000;
const key = { key: "k", bodyHash: "a" };

function place() {
  return { tables: memoryTables(), tenant: "tn_1", service: "create" };
}
type Place = ReturnType<typeof place>;

const make = (at: Place, nowMs: number, name = "k", made = "one") =>
  once<string>(at, { ...key, key: name }, nowMs, async (remember) => {
    await at.tables.write(at.tenant, [...remember(made)]);
    return made;
  });

test("a key gives its first result again, and only its own service's", async () => {
  const at = place();

  const first = await make(at, 1_000);
  const second = await make(at, 2_000, "k", "two");
  const other = await make({ ...at, service: "other" }, 2_000, "k", "two");

  expect(first).toEqual({ result: "one", isRepeat: false });
  expect(second).toEqual({ result: "one", isRepeat: true });
  expect(other).toEqual({ result: "two", isRepeat: false });
});

test("another body under the same key is refused", async () => {
  const at = place();
  await make(at, 1_000);

  const again = once(at, { ...key, bodyHash: "b" }, 2_000, async () => "two");

  await expect(again).rejects.toMatchObject({ code: "KEY_REUSED" });
});

test("after a day a key is new again and old ones are gone", async () => {
  const at = place();
  for (const name of ["a", "b", "c"]) await make(at, 1_000, name);

  const later = await make(at, 1_001 + day, "a", "two");
  const rows = await at.tables.list(at.tenant, "idempotency", { limit: 100 });
  const repeated = await make(at, 1_002 + day, "a", "three");

  expect(later).toEqual({ result: "two", isRepeat: false });
  expect(rows).toHaveLength(1);
  expect(repeated).toEqual({ result: "two", isRepeat: true });
});
