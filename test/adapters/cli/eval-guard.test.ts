// `troupe eval guard`: its figures against ones counted by hand.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test, vi } from "vitest";
import { run } from "../../../adapters/cli/eval.ts";

const folder = mkdtempSync(join(tmpdir(), "troupe-eval-guard-"));
const printed: string[] = [];
const failed: string[] = [];
beforeEach(() => {
  printed.length = 0;
  failed.length = 0;
  vi.spyOn(console, "log").mockImplementation((line) => void printed.push(String(line)));
  vi.spyOn(console, "error").mockImplementation((line) => void failed.push(String(line)));
});
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});
function file(name: string, value: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
  return path;
}

const on = ["input"];
const chain = [
  { name: "mail", on, check: { type: "pii", entities: ["email"] }, action: "redact" },
  { name: "birds", on, check: { type: "words", words: ["falcon"] }, action: "ask" },
  { name: "kitchen", on, check: { type: "judge", policy: "No recipes." }, action: "block" },
];
const texts = [
  { text: "Write to ann@example.com.", label: "mail" },
  { text: "A falcon wrote to bob@example.com.", label: "all" },
  { text: "An eagle is meant here.", label: "birds" },
  { text: "The falcon is a car.", label: "ok" },
  { text: "Nothing at all.", label: "ok" },
];

test("each rule is counted by itself: what it finds, misses and finds wrongly", async () => {
  const lines = file("texts.jsonl", texts.map((one) => JSON.stringify(one)).join("\n"));
  const code = await run(["guard", lines, "--rules", file("chain.json", chain), "--json"]);

  expect([code, failed]).toEqual([0, []]);
  expect(JSON.parse(printed[0] ?? "")).toMatchObject({
    texts: 5,
    asking_a_model: ["kitchen"],
    rules: [
      { rule: "mail", check: "pii", found: 2, missed: 0, wrong: 0, precision: 1, recall: 1 },
      { rule: "birds", found: 1, missed: 1, wrong: 1, precision: 0.5, recall: 0.5 },
    ],
  });
});

test("what is no rule, and a chain that cannot be, is said with its place", async () => {
  const lines = file("wrong.jsonl", JSON.stringify({ text: "Hello.", label: "nobody" }));
  const bad = [{ on, check: { type: "pattern", deny: ["("] }, action: "block" }];

  expect(await run(["guard", lines, "--rules", file("chain.json", chain)])).toBe(1);
  expect(await run(["guard", lines, "--rules", file("bad.json", bad)])).toBe(1);
  expect(failed[0]).toContain('wrong.jsonl:1 names "nobody"');
  expect(failed[1]).toContain("No pattern of RE2");
});
