// What the door waits for is found by its number, however many there are and whatever was answered.

import fc from "fast-check";
import { expect, test } from "vitest";
import { DoorEntries } from "../../../runtime/door/door-entries.ts";
import type { Entry } from "../../../runtime/door/door-entry.ts";

const TENANTS = ["tn_1", "tn_2", "tn_3"];

function entry(id: number, tenant: string): Entry {
  return { tenant, item: { type: "drop", id } } as unknown as Entry;
}

test("an entry is found by its number and counted for its tenant, whichever others stand in its way", () => {
  // Few numbers that end alike, so that entries want each other's places.
  const number = fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 3 })).map(([a, b]) => a + b * 1_024);
  const use = fc.record({ id: number, tenant: fc.constantFrom(...TENANTS), isAdded: fc.boolean() });
  fc.assert(
    fc.property(fc.array(use, { maxLength: 100 }), (uses) => {
      const entries = new DoorEntries();
      const model = new Map<number, Entry>();
      for (const { id, tenant, isAdded } of uses) {
        if (isAdded && !model.has(id)) {
          const one = entry(id, tenant);
          model.set(id, one);
          entries.add(one);
        } else if (!isAdded) {
          expect(entries.remove(id)).toBe(model.delete(id));
        }
        expect(entries.get(id)).toBe(model.get(id));
        expect(entries.size).toBe(model.size);
      }
      const ordered = [...model.values()].sort((a, b) => a.item.id - b.item.id);
      expect(entries.inOrder()).toEqual(ordered);
      for (const tenant of TENANTS) {
        expect(entries.sizeOf(tenant)).toBe(ordered.filter((one) => one.tenant === tenant).length);
      }
      entries.clear();
      expect([entries.size, ...entries.values()]).toEqual([0]);
    }),
    { numRuns: 500 },
  );
});
