// What crosses between main and a worker comes back as it was, in its order.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { DoorItem, WorkerItem } from "../../../runtime/message.ts";
import { doorSide, workerSide } from "../../../runtime/threads/door-codec.ts";

const id = fc.integer({ min: 1 });
const data = fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.constant(undefined));
const requests: fc.Arbitrary<DoorItem> = fc.record(
  {
    type: fc.constant("request" as const),
    id,
    to: fc.string(),
    message: data,
    deadlineMs: fc.integer(),
    want: fc.constantFrom("reply", "frames", "end", "stored", "nothing"),
    level: fc.constantFrom("memory", "committed", "flushed"),
    trace: fc.string(),
    deaths: fc.integer(),
  },
  { requiredKeys: ["type", "id", "to", "message", "deadlineMs", "want", "level"] },
);
const drops: fc.Arbitrary<DoorItem> = fc.record({ type: fc.constant("drop" as const), id });
const replies: fc.Arbitrary<WorkerItem> = fc.record({
  type: fc.constant("reply" as const),
  id,
  value: data,
});
const moved: fc.Arbitrary<WorkerItem> = fc.record({ type: fc.constant("moved" as const), id });

test("requests come as they were sent, plain or not", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(requests, drops)), (items) => {
      expect(workerSide.unpack(structuredClone(doorSide.pack(items)))).toEqual(items);
    }),
  );
});

test("answers come as they were sent, also when their values are numbers", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(replies, moved)), (items) => {
      expect(doorSide.unpack(structuredClone(workerSide.pack(items)))).toEqual(items);
    }),
  );
});
