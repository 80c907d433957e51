// `troupe eval` as it is typed, over a running server: a file becomes a data set, two versions are
// compared, the page is written, and the exit code says whether the threshold was reached.

import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const command = fileURLToPath(new URL("../../../adapters/cli/troupe.js", import.meta.url));
let product: Product;
let agent: string;
let file: string;

beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "1" } });
  const body = { name: "Echo", model_name: "gpt-4o-mini", system_message: "OLD" };
  agent = (await product.call("POST", "/v2/agents", body)).body.id;
  await product.call("PATCH", `/v2/agents/${agent}`, { system_message: "NEW" });
  product.provider.otherwise({ text: ({ prompt }) => (prompt.includes("NEW") ? "Paris" : "Rome") });
  file = join(product.folder, "questions.jsonl");
  const item = { messages: [{ role: "user", content: "France?" }], expected: { text: "Paris" } };
  await writeFile(file, `${JSON.stringify(item)}\n\n${JSON.stringify(item)}\n`);
});
afterAll(() => product.end());

interface Typed {
  readonly code: number;
  readonly lines: readonly string[];
  readonly errors: string;
}

const typed = (...args: readonly string[]): Promise<Typed> => troupe("eval", ...args);

function troupe(...args: readonly string[]): Promise<Typed> {
  const env = { ...process.env, TROUPE_URL: product.url, TROUPE_KEY: product.adminKey };
  const options = { env, cwd: product.folder };
  return new Promise((resolve) => {
    execFile(process.execPath, [command, ...args], options, (error, out, errors) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, lines: out.trim().split("\n"), errors });
    });
  });
}

test("two versions are compared on a file, with a page and the figures in the last line", {
  timeout: 180_000,
}, async () => {
  const report = join(product.folder, "report.html");
  const versions = ["--target", `${agent}@1`, "--target", agent];

  const good = await typed(file, ...versions, "--scorer", "exact", "--report", report);
  const page = await readFile(report, "utf8");
  const dataset = /ds_[0-9a-z]{26}/.exec(good.lines.join(" "))?.[0] ?? "";
  const bad = await typed(dataset, "--target", `${agent}@1`, "--scorer", "exact");

  expect([good.code, good.errors.includes("troupe eval:")]).toEqual([0, false]);
  expect(good.lines.at(-1)).toMatch(
    /^ev_\w+ completed: a 0\/2 passed, score 0\.000; b 2\/2 passed, score 1\.000; b better 2, a better 0, even 0; 0\.004 units$/,
  );
  expect(page).toContain("Side by side");
  expect([bad.code, bad.lines.at(-1)]).toEqual([
    1,
    expect.stringMatching(/a 0\/2 passed, score 0\.000; 0\.002 units$/),
  ]);
});

test("a budget that does not last is exit code 1, and what is wrong is said in one line", {
  timeout: 180_000,
}, async () => {
  const target = ["--target", agent];

  const short = await typed(file, ...target, "--scorer", "exact", "--budget", "0.001");
  const scorer = await typed(file, ...target, "--scorer", "luck");
  const missing = await typed("nowhere.jsonl", ...target);
  const none = await typed(file);

  expect([short.code, short.lines.at(-1)]).toEqual([1, expect.stringContaining(" budget: a 1/1")]);
  expect([scorer.code, missing.code, none.code]).toEqual([1, 1, 1]);
  expect(scorer.errors).toContain("--scorer is one of contains");
  expect(missing.errors).toContain("nowhere.jsonl");
  expect(none.errors).toContain("--target");
});

test("the runs of an evaluation's answers are replayed as they were, and the one that scores says it is none", {
  timeout: 180_000,
}, async () => {
  const versions = ["--target", `${agent}@1`, "--target", agent];
  const scored = await typed(file, ...versions, "--scorer", "exact");
  const id = /ev_[0-9a-z]{26}/.exec(scored.lines.at(-1) ?? "")?.[0] ?? "";
  const { body } = await product.call("GET", `/v2/evaluations/${id}/results`);
  const answers: string[] = body.data.flatMap(({ sides }: Json) =>
    sides.map(({ run_id }: Json) => run_id),
  );
  const own = await product.call("GET", "/v2/runs?kind=evaluation-item&limit=1");
  const asked = product.provider.calls().length;

  const replays = await Promise.all(answers.map((run) => troupe("replay", run)));
  const scoring = await troupe("replay", own.body.data[0].id);

  expect(replays).toHaveLength(4);
  for (const { code, lines, errors } of replays) {
    expect([code, errors]).toEqual([0, ""]);
    expect(lines).toContainEqual(expect.stringMatching(/^identical: /));
  }
  expect([scoring.code, scoring.errors]).toEqual([
    1,
    expect.stringContaining("is not one that answers a message"),
  ]);
  expect(product.provider.calls()).toHaveLength(asked);
});
