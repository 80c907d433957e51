// `troupe eval`: its figures against ones worked out by hand, its pages, and errors that name file,
// line and field.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import { run } from "../../../adapters/cli/eval.ts";
import { readLines } from "../../../adapters/cli/eval-lines.ts";
import {
  auroc,
  calibrationError,
  macroF1,
  ndcg,
  recall,
  reciprocalRank,
} from "../../../adapters/cli/eval-measures.ts";
import { foldsOf } from "../../../adapters/cli/eval-router.ts";

const folder = mkdtempSync(join(tmpdir(), "troupe-eval-"));
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

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
const jsonLines = (rows: readonly unknown[]): string =>
  rows.map((row) => JSON.stringify(row)).join("\n");

const TOPICS = { trains: "train platform", flowers: "tulip vase", money: "loan interest" };
const labelled = Object.entries(TOPICS).flatMap(([intent, words]) =>
  ["where is the", "i need a", "tell me about the", "how old is that", "buy one"].map((start) => ({
    text: `${start} ${words}`,
    intent,
  })),
);
const strangers = ["qwx zzkr", "vvhh uuj ppq"].map((text) => ({ text, intent: "oos" }));
const train = file("train.jsonl", jsonLines(labelled));
const messages = file("messages.jsonl", jsonLines([...labelled, ...strangers]));

describe("measures", () => {
  test("are what they are by hand", () => {
    expect(auroc([0.9, 0.6], [0.7, 0.1])).toBe(0.75);
    expect(auroc([0.5], [0.5])).toBe(0.5);
    expect(auroc([], [1])).toBeNaN();
    const graded = [
      { probability: 0.95, isRight: true },
      { probability: 0.95, isRight: false },
      { probability: 0.15, isRight: false },
    ];
    expect(calibrationError(graded)).toBeCloseTo((2 * 0.45 + 0.15) / 3);
    const pairs = [
      { wanted: "a", got: "a" },
      { wanted: "a", got: "b" },
      { wanted: "b", got: "b" },
    ];
    expect(macroF1(pairs)).toBeCloseTo(2 / 3);
    const relevant = new Map([
      ["x", 1],
      ["y", 1],
    ]);
    expect(ndcg(["x", "z", "y"], relevant, 10)).toBeCloseTo((1 + 1 / 2) / (1 + 1 / Math.log2(3)));
    expect(recall(["z", "y"], relevant, 1)).toBe(0);
    expect(reciprocalRank(["z", "y"], relevant)).toBe(0.5);
  });

  test("folds hold every row once and every label alike", () => {
    const rows = labelled.map(({ text, intent }) => ({ text, label: intent }));
    const folds = foldsOf(rows, 5);

    expect(folds.flatMap(({ test: part }) => part)).toHaveLength(rows.length);
    for (const { train: rest, test: part } of folds) {
      expect(new Set(part.map(({ label }) => label)).size).toBe(3);
      expect(rest.filter((row) => part.includes(row))).toEqual([]);
    }
  });
});

describe("troupe eval routing", () => {
  test("routes by another file and says what it would refuse", async () => {
    expect(await run(["routing", messages, "--train", train, "--json"])).toBe(0);
    const { figures } = JSON.parse(printed.join("\n"));

    expect(figures).toMatchObject({ messages: 17, inScope: 15, outOfScope: 2, threshold: 0.5 });
    expect(figures).toMatchObject({ accuracy: 1, macroF1: 1, outOfScopeRecall: 1, auroc: 1 });
    expect(figures.bins[0]).toMatchObject({ count: 2, accuracy: 0 });
    expect(figures.modelShare).toBeGreaterThanOrEqual(2 / 17);
  });

  test("crosses over the file itself, from CSV too", async () => {
    const rows = labelled.map(({ text, intent }) => `"${text}",${intent}`);
    const csv = file("messages.csv", ["question,desk", ...rows].join("\r\n"));
    const flags = ["--folds", "5", "--text", "question", "--label", "desk"];

    expect(await run(["routing", csv, ...flags])).toBe(0);
    expect(printed.join("\n")).toContain("5 folds of the file itself");
    expect(printed.join("\n")).toMatch(/accuracy, nothing rejected +100\.0 %/);
  });

  test("says which sub-agents of a record file collide, by what and on which message", async () => {
    const records = file(
      "agent.json",
      JSON.stringify({
        sub_agents: [
          { name: "Trains", trigger: { keywords: ["tulip", "platform"] } },
          { name: "Flowers", trigger: { keywords: ["vase"] } },
          { name: "Money", trigger: { keywords: ["loan"] } },
        ],
      }),
    );
    const asked = file("tulips.jsonl", jsonLines([{ text: "a red tulip", intent: "flowers" }]));

    expect(await run(["routing", asked, "--agent", records])).toBe(0);
    const text = printed.join("\n");
    expect(text).toContain("flowers -> Trains: 1");
    expect(text).toContain('"a red tulip"');
    expect(text).toContain("keywords tulip");
  });

  test("writes a page of plots that loads nothing", async () => {
    const page = join(folder, "page.html");

    expect(await run(["routing", messages, "--train", train, "--out", page])).toBe(0);
    const html = readFileSync(page, "utf8");
    expect(html).toContain("Reliability");
    expect(html).toContain("Threshold");
    expect(html).toContain("Confusion");
    expect(html).toMatch(
      /class="legend"><span><i style="background:#[0-9a-f]{6}"><\/i>right among/,
    );
    expect(html).not.toMatch(/<script|<link|src=|url\(|https?:/);
  });

  test("shows messages in the page as text", async () => {
    const hostile = [{ text: "<script>alert(1)</script> loan interest", intent: "trains" }];
    const asked = file("hostile.jsonl", jsonLines(hostile));
    const page = join(folder, "hostile.html");

    expect(await run(["routing", asked, "--train", train, "--out", page])).toBe(0);
    expect(readFileSync(page, "utf8")).toContain("&lt;script&gt;alert(1)");
  });

  test.each([
    ["a line that is not JSON", '{"text":"a","intent":"b"}\n{oops', /bad.jsonl:2 is not JSON/],
    ["a missing field", '{"text":"a"}', /bad.jsonl:1 has no field "intent" \(it has: text\)/],
    [
      "a field of another kind",
      '{"text":{},"intent":"b"}',
      /bad.jsonl:1 field "text" is not a text/,
    ],
    ["an empty field", '{"text":" ","intent":"b"}', /bad.jsonl:1 field "text" is empty/],
    ["a list", "[1]", /bad.jsonl:1 is not a JSON object/],
    ["nothing", "", /bad.jsonl has no lines/],
  ])("names file, line and field: %s", async (_name, text, message) => {
    expect(await run(["routing", file("bad.jsonl", text)])).toBe(1);
    expect(failed.join("\n")).toMatch(message);
  });

  test.each([
    [[], /routing, retrieval, guard, or a data set/],
    [["nothing"], /use: troupe eval DATA --target/],
    [["routing"], /name one labelled file/],
    [["routing", "/nowhere/x.jsonl"], /There is no file \/nowhere\/x.jsonl/],
    [["routing", messages, "--folds", "1"], /--folds is 2 to 20/],
    [["routing", messages, "--folds", "3", "--train", train], /exclude each other/],
    [["routing", messages, "--out", "x.png"], /--out names an .html file/],
    [["retrieval", "--out", "x.png"], /--out names an .html file/],
    [["retrieval", ".", "--vector-weight", ""], /--vector-weight is 0 to 1/],
    [["retrieval", ".", "--score-threshold", "2"], /--score-threshold is 0 to 1/],
  ])("refuses %j", async (args, message) => {
    expect(await run(args)).toBe(1);
    expect(failed.join("\n")).toMatch(message);
  });
});

describe("labelled files", () => {
  test("CSV with quotes, commas and lines inside fields", async () => {
    const path = file("quoted.csv", 'text,intent\n"a, ""b""\nc",x\n\nd,y\n');

    expect(await readLines(path)).toEqual([
      { file: path, number: 2, fields: { text: 'a, "b"\nc', intent: "x" } },
      { file: path, number: 5, fields: { text: "d", intent: "y" } },
    ]);
  });

  test("CSV with another number of fields is refused with its line", async () => {
    await expect(readLines(file("short.csv", "text,intent\na,b,c"))).rejects.toThrow(
      /short.csv:2 has 3 fields where the header has 2/,
    );
    await expect(readLines(file("open.csv", 'text,intent\n"a,b'))).rejects.toThrow(
      /open.csv:2 has a quote that is not closed/,
    );
  });
});

describe("troupe eval retrieval", () => {
  const corpus = [
    { _id: "1", title: "Bees", text: "Bees make honey from the nectar of flowers." },
    { _id: "2", title: "Bridges", text: "A suspension bridge hangs from cables of steel." },
    { _id: "3", title: "Tea", text: "Green tea is steeped in water that does not boil." },
  ];
  const sets = mkdtempSync(join(folder, "sets-"));
  writeFileSync(join(sets, "corpus.jsonl"), jsonLines(corpus));
  writeFileSync(
    join(sets, "queries.jsonl"),
    jsonLines([
      { _id: "a", text: "who makes honey" },
      { _id: "b", text: "steel cables of a bridge" },
    ]),
  );
  writeFileSync(
    join(sets, "qrels.jsonl"),
    jsonLines([
      { q: "a", d: "1", r: 1 },
      { q: "b", d: "2", r: 1 },
    ]),
  );

  test("grades every way to search, and one", async () => {
    expect(await run(["retrieval", sets, "--json"])).toBe(0);
    const { figures } = JSON.parse(printed.join("\n"));
    expect(figures.map(({ mode }: { mode: string }) => mode)).toEqual([
      "lexical",
      "vector",
      "hybrid",
    ]);
    expect(figures[0]).toMatchObject({ queries: 2, ndcg10: 1, recall10: 1, mrr: 1, empty: 0 });

    printed.length = 0;
    const page = join(folder, "retrieval.html");
    expect(await run(["retrieval", sets, "--mode", "lexical", "--out", page])).toBe(0);
    expect(printed.join("\n")).not.toContain("hybrid");
    expect(readFileSync(page, "utf8")).toContain("nDCG@10 by query");
  });

  const badly = async (name: "corpus" | "queries" | "qrels", text: string) => {
    const file = join(sets, `bad-${name}.jsonl`);
    writeFileSync(file, text);
    return await run(["retrieval", sets, `--${name}`, file, "--json"]);
  };

  test.each([
    [
      "corpus",
      `${jsonLines(corpus)}\n{"_id": "2", "text": "x"}\n`,
      /bad-corpus.jsonl:4 has the id "2" of line 2/,
    ],
    [
      "queries",
      '{"_id": "a", "text": "x"}\n{"_id": "a", "text": "y"}\n',
      /:2 has the id "a" of line 1/,
    ],
    ["qrels", '{"q": "a", "d": "1", "r": 1}\n{"q": "a", "d": "1"', /bad-qrels.jsonl:2 is not JSON/],
    ["qrels", '{"q": "a", "d": "1", "r": "high"}\n', /bad-qrels.jsonl:1 field "r" is not a number/],
    [
      "qrels",
      '\n{"q": "a", "d": "1", "r": 5000}\n',
      /bad-qrels.jsonl:2 has the grade 5000; at most 20/,
    ],
    ["qrels", '{"q": "a", "d": "1", "r": -1}\n', /No query has a relevant document/],
    ["corpus", '{"_id": "1"}\n', /bad-corpus.jsonl:1 has no field "text"/],
  ] as const)("says where %s is wrong: %j", async (name, text, message) => {
    expect(await badly(name, text)).toBe(1);
    expect(failed.join("\n")).toMatch(message);
  });

  test("judgements that name no document count as not found, and are said; grades below 1 are none", async () => {
    const lines = [
      { q: "a", d: "1", r: 1 },
      { q: "a", d: "2", r: -1 },
      { q: "a", d: "99", r: 1 },
      { q: "b", d: "2", r: 0 },
    ];
    expect(await badly("qrels", jsonLines(lines))).toBe(0);

    const { about, figures } = JSON.parse(printed.join("\n"));
    expect(about).toMatch(
      /judgements of documents that are not in the corpus: 1, .*bad-qrels.jsonl:3/,
    );
    // One of two is found, in the first place; the second question has nothing to find.
    expect(figures[0]).toMatchObject({ queries: 1, recall10: 0.5, mrr: 1 });
    expect(figures[0].ndcg10).toBeCloseTo(1 / (1 + 1 / Math.log2(3)), 6);
  });

  test.each([
    [["retrieval"], /name a folder or --corpus/],
    [["retrieval", "/nowhere"], /There is no folder \/nowhere/],
    [["retrieval", sets, "--mode", "psychic"], /--mode is lexical, vector, hybrid/],
    [["retrieval", sets, "--embedder", "local"], /--embedder is builtin/],
  ])("refuses %j", async (args, message) => {
    expect(await run(args)).toBe(1);
    expect(failed.join("\n")).toMatch(message);
  });
});
