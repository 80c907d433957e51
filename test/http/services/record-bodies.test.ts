// Kept answers of records: given again until something changes, never what was read before a change,
// and within their bounds.

import { expect, test } from "vitest";
import { json } from "../../../adapters/http/reply.ts";
import type { HttpResponse } from "../../../adapters/http/server.ts";
import { RecordBodies } from "../../../adapters/http/services/record-bodies.ts";

const place = { tenant: "tn_1", table: "prompts" };

/** Answers that are counted. */
function counted(text = "x") {
  let made = 0;
  return {
    made: () => made,
    make: async (): Promise<HttpResponse> => {
      made += 1;
      return json(200, `${text}${made}`);
    },
  };
}

test("an answer is made once, until its record changes", async () => {
  const bodies = new RecordBodies();
  const { make, made } = counted();

  const first = await bodies.record(place, "pr_1", make);
  const again = await bodies.record(place, "pr_1", make);
  bodies.changed("tn_1", "prompts", "pr_2");
  bodies.changed("tn_2", "prompts", "pr_1");
  const same = await bodies.record(place, "pr_1", make);
  bodies.changed("tn_1", "prompts", "pr_1");
  await bodies.record(place, "pr_1", make);

  expect([again, same]).toEqual([first, first]);
  expect(made()).toBe(2);
});

test("a page is made anew when any record of its table changes", async () => {
  const bodies = new RecordBodies();
  const { make, made } = counted();

  await bodies.page(place, "limit=1", make);
  await bodies.page(place, "limit=1", make);
  await bodies.page(place, "limit=2", make);
  bodies.changed("tn_1", "prompts", "pr_9");
  await bodies.page(place, "limit=1", make);

  expect(made()).toBe(3);
});

test("what was read while something changed is not kept, nor what is no success", async () => {
  const bodies = new RecordBodies();
  const { make, made } = counted();

  await bodies.record(place, "pr_1", async () => {
    bodies.changed("tn_1", "prompts", "pr_1");
    return await make();
  });
  await bodies.record(place, "pr_1", make);
  const missing = async (): Promise<HttpResponse> => json(404, {});
  await bodies.record(place, "pr_2", missing);
  await bodies.record(place, "pr_2", make);

  expect(made()).toBe(3);
});

test("however many answers are asked for, the newest are kept and the bytes are bounded", async () => {
  const bodies = new RecordBodies();
  const large = "y".repeat(1_000_000);
  const { make, made } = counted(large);
  const ids = Array.from({ length: 40 }, (_, at) => `pr_${at}`);
  for (const id of ids) await bodies.record(place, id, make);
  for (const id of ids.slice(-20)) await bodies.record(place, id, make);
  const newest = made();
  await bodies.record(place, "pr_0", make);

  expect(newest).toBe(40);
  expect(made()).toBe(41);
});
