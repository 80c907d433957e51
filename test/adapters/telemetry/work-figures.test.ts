// What is noted of work: closed lists, so that the series are few whatever is noted, counted by all threads together.

import { expect, test } from "vitest";
import { deliveryStatuses } from "../../../actors/channels/delivery-row.ts";
import { noteBudget, notedKinds, noteName, OTHER } from "../../../actors/figures.ts";
import { skipReasons } from "../../../actors/triggers/occurrence.ts";
import { ends } from "../../../actors/triggers/state.ts";
import { registry } from "../../../adapters/channels/registry.ts";
import { createGenAiFigures, genAiMemory } from "../../../adapters/telemetry/gen-ai-figures.ts";
import {
  countOf,
  createWorkFigures,
  workMemory,
} from "../../../adapters/telemetry/work-figures.ts";

test("ten thousand names that nobody knows, and as many models, make no ten thousand series", () => {
  const work = createWorkFigures(workMemory());
  const models = createGenAiFigures(genAiMemory());
  for (let n = 0; n < 10_000; n += 1) {
    work.note(noteName("delivery", `platform-${n}`, "sent"), n);
    work.note(noteName("engine", "plugin", `outcome-${n}`), n);
    models.took({ operation: "chat", provider: `p${n}`, model: `m${n}` }, { duration: 1 });
  }

  expect([work.rows("delivery"), work.rows("engine")]).toEqual([[], []]);
  expect(models.series().length).toBeLessThanOrEqual(64);
});

test("threads count into the same memory, a value at a bound and one above all", () => {
  const memory = workMemory();
  const [one, other] = [createWorkFigures(memory), createWorkFigures(memory)];
  const name = noteName("script", "python", "done");
  one.note(name, 5);
  other.note(name, 6);
  other.note(name, 1e9);

  const [row, ...more] = one.rows("script");
  const [column, values] = row?.columns[0] ?? [];
  expect([row?.row, more, column]).toEqual(["python", [], "done"]);
  expect(values && [countOf(values), values.sum, values.counts.slice(0, 3)]).toEqual([
    3,
    1e9 + 11,
    [0, 1, 1],
  ]);
  expect(values?.counts.at(-1)).toBe(1);
});

test("the lists have all that may be noted", () => {
  const { delivery, occurrence } = notedKinds;
  const outcomes = deliveryStatuses.filter((one) => one !== "pending" && one !== "sending");

  expect([...delivery.rows].sort()).toEqual([...Object.keys(registry), OTHER].sort());
  expect(delivery.columns).toEqual(outcomes);
  expect(occurrence.columns).toEqual([
    "begun",
    ...ends.filter((one) => one !== "skipped"),
    ...skipReasons.map((why) => `skipped_${why}`),
  ]);
});

test("what a budget has used is a share of it, whole where it has none", () => {
  const noted: (readonly [string, number])[] = [];
  const turn = { note: (name: string, value: number) => void noted.push([name, value]) };
  noteBudget(turn, { scope: "key", limitMicros: 1_000 }, "granted", 250);
  noteBudget(turn, { scope: "run", limitMicros: 0 }, "refused", 0);
  noteBudget(turn, { scope: "run", limitMicros: 10 }, "refused", 11);

  expect(noted).toEqual([
    ["budget.key.granted", 250],
    ["budget.run.refused", 1_000],
    ["budget.run.refused", 1_000],
  ]);
});
