// `troupe eval retrieval`: indexes a corpus with the server's own splitter, index and built-in
// embedder, asks the queries and grades what is found, lexical, by vectors and both.

import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createMemoryChunks, type MemoryChunks } from "../../actors/knowledge/memory-chunks.ts";
import {
  type ChunkQuery,
  isIrrelevant,
  passageOf,
  rank,
  ranking,
  searchText,
} from "../../actors/knowledge/retrieve.ts";
import { splitDocument } from "../../actors/knowledge/split.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { createBuiltinEmbedder } from "../embed/builtin.ts";
import { type Line, numberField, readLines, textField } from "./eval-lines.ts";
import { ndcg, quantile, type Relevance, recall, reciprocalRank } from "./eval-measures.ts";
import { curvePlot, escaped, page, tableOf } from "./eval-plots.ts";

const options = {
  corpus: { type: "string" },
  queries: { type: "string" },
  qrels: { type: "string" },
  embedder: { type: "string", default: "builtin" },
  mode: { type: "string" },
  "vector-weight": { type: "string" },
  out: { type: "string" },
  json: { type: "boolean" },
} as const;

/** Limits of one evaluation. */
export const retrievalEvalLimits = { documents: 200_000, queries: 50_000 } as const;

const DEPTH = 10;
const MODES = ["lexical", "vector", "hybrid"] as const;
/** As the server weighs the built-in embedder's vectors, which see the same words as BM25. */
const BUILTIN_VECTOR_WEIGHT = 0.1;

type Mode = (typeof MODES)[number];

/** The figures of one way to search. */
export interface RetrievalFigures {
  readonly mode: Mode;
  readonly queries: number;
  readonly ndcg10: number;
  readonly recall10: number;
  readonly mrr: number;
  /** Queries that found nothing relevant enough to be shown. */
  readonly empty: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** nDCG of every query, ascending. */
  readonly each: readonly number[];
}

/** Evaluates and prints. @throws RuntimeError naming what is wrong. */
export async function evaluate(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options,
    strict: true,
    allowPositionals: true,
  });
  if (values.embedder !== "builtin") {
    throw new RuntimeError("INVALID", "--embedder is builtin: others need a running server");
  }
  if (values.out !== undefined && !values.out.toLowerCase().endsWith(".html")) {
    throw new RuntimeError("INVALID", "--out names an .html file");
  }
  const modes = values.mode === undefined ? MODES : MODES.filter((mode) => mode === values.mode);
  if (modes.length === 0) throw new RuntimeError("INVALID", `--mode is ${MODES.join(", ")}`);
  const weight =
    values["vector-weight"] === undefined ? BUILTIN_VECTOR_WEIGHT : Number(values["vector-weight"]);
  if (!(weight >= 0 && weight <= 1)) throw new RuntimeError("INVALID", "--vector-weight is 0 to 1");
  const files = await filesOf(values, positionals);
  const corpus = await readLines(files.corpus);
  const queries = await readLines(files.queries);
  const wanted = relevanceOf(await readLines(files.qrels));
  const begun = performance.now();
  const index = indexOf(corpus, files.corpus);
  const seconds = (performance.now() - begun) / 1_000;
  const figures = modes.map((mode) => figuresOf(index, queries, wanted, { mode, weight }));
  const chunks = index.count;
  const about = `${corpus.length} documents, ${chunks} chunks (${Math.round(chunks / seconds)} a second), embedder builtin`;
  if (values.json === true) console.log(JSON.stringify({ about, figures }, null, 1));
  else print(about, figures);
  if (values.out !== undefined) {
    await writeFile(values.out, pageOf(files.corpus, about, figures));
    if (values.json !== true) console.log(`\nThe page with plots is ${values.out}`);
  }
  return 0;
}

interface Files {
  readonly corpus: string;
  readonly queries: string;
  readonly qrels: string;
}

/** Of a folder, corpus.jsonl, queries.jsonl and qrels.jsonl; each may be named instead. */
async function filesOf(values: Partial<Files>, positionals: readonly string[]): Promise<Files> {
  const [folder, ...more] = positionals;
  if (more.length > 0) throw new RuntimeError("INVALID", "name one folder");
  const isFolder =
    folder !== undefined && (await stat(folder).catch(() => undefined))?.isDirectory();
  if (folder !== undefined && isFolder !== true) {
    throw new RuntimeError("NOT_FOUND", `There is no folder ${folder}.`);
  }
  const fileOf = (name: keyof Files): string => {
    const named =
      values[name] ?? (folder === undefined ? undefined : join(folder, `${name}.jsonl`));
    if (named !== undefined) return named;
    throw new RuntimeError("INVALID", `name a folder or --${name}`);
  };
  return { corpus: fileOf("corpus"), queries: fileOf("queries"), qrels: fileOf("qrels") };
}

/** The first of several names that a field goes by. */
function oneOf(line: Line, names: readonly string[]): string {
  return names.find((name) => line.fields[name] !== undefined) ?? names[0] ?? "";
}

/** Lines {q, d, r} or {query-id, corpus-id, score}. */
function relevanceOf(lines: readonly Line[]): Map<string, Map<string, number>> {
  const all = new Map<string, Map<string, number>>();
  for (const line of lines) {
    const query = textField(line, oneOf(line, ["q", "query-id", "query_id"]));
    const document = textField(line, oneOf(line, ["d", "corpus-id", "doc_id"]));
    const grade = numberField(line, oneOf(line, ["r", "score", "relevance"]));
    const own = all.get(query) ?? new Map<string, number>();
    own.set(document, grade);
    all.set(query, own);
  }
  return all;
}

function indexOf(corpus: readonly Line[], file: string): MemoryChunks {
  if (corpus.length > retrievalEvalLimits.documents) {
    const most = retrievalEvalLimits.documents;
    throw new RuntimeError("INVALID", `${file} has ${corpus.length} documents; at most ${most}.`);
  }
  const index = createMemoryChunks();
  const embedder = createBuiltinEmbedder();
  for (const line of corpus) {
    const documentId = textField(line, oneOf(line, ["_id", "id"]));
    const title = line.fields["title"];
    const documentTitle = typeof title === "string" ? title : "";
    // Some corpora have documents of a title alone.
    const text = line.fields["text"] === "" ? documentTitle || " " : textField(line, "text");
    for (const [at, chunk] of splitDocument(text).entries()) {
      const whole = { ...chunk, documentId, documentTitle, chunkId: `${documentId}.${at}` };
      const vector = embedder.embedNow(searchText(whole));
      index.add(index.count, { ...whole, metadata: {}, vector });
    }
  }
  return index;
}

/** Documents, best first: each stands where its best chunk does. */
function foundIn(index: MemoryChunks, query: ChunkQuery): string[] {
  const words = query.mode === "vector" ? [] : index.lexical.search(query.query, ranking.depth);
  const near =
    query.mode === "lexical" ? [] : index.nearest(query.vector, ranking.depth, () => true);
  const found = new Set<string>();
  for (const candidate of rank(words, near, query)) {
    const chunk = isIrrelevant(candidate, query) ? undefined : index.get(candidate.slot);
    const passage = chunk && passageOf(candidate, chunk, query, "eval");
    if (passage !== undefined) found.add(passage.documentId);
  }
  return [...found];
}

function figuresOf(
  index: MemoryChunks,
  queries: readonly Line[],
  wanted: ReadonlyMap<string, Relevance>,
  { mode, weight }: { readonly mode: Mode; readonly weight: number },
): RetrievalFigures {
  const embedder = createBuiltinEmbedder();
  const times: number[] = [];
  const each: number[] = [];
  let recalled = 0;
  let reciprocal = 0;
  let empty = 0;
  for (const line of queries.slice(0, retrievalEvalLimits.queries)) {
    const relevant = wanted.get(textField(line, oneOf(line, ["_id", "id"])));
    if (relevant === undefined) continue;
    const query = textField(line, "text");
    const begun = performance.now();
    const vector = embedder.embedNow(query);
    const asked = { query, vector, topK: ranking.topKMax, mode, vectorWeight: weight };
    const found = foundIn(index, asked);
    times.push(performance.now() - begun);
    if (found.length === 0) empty += 1;
    each.push(ndcg(found, relevant, DEPTH));
    recalled += recall(found, relevant, DEPTH);
    reciprocal += reciprocalRank(found, relevant);
  }
  if (each.length === 0) {
    throw new RuntimeError("INVALID", "No query has a relevant document: do the ids agree?");
  }
  const count = each.length;
  return {
    mode,
    queries: count,
    ndcg10: each.reduce((sum, one) => sum + one, 0) / count,
    recall10: recalled / count,
    mrr: reciprocal / count,
    empty,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    each: each.sort((a, b) => a - b),
  };
}

const HEADER = ["mode", "queries", "nDCG@10", "recall@10", "MRR", "empty", "p50 ms", "p99 ms"];

const rowsOf = (figures: readonly RetrievalFigures[]): string[][] =>
  figures.map((one) => [
    one.mode,
    String(one.queries),
    one.ndcg10.toFixed(3),
    one.recall10.toFixed(3),
    one.mrr.toFixed(3),
    String(one.empty),
    one.p50Ms.toFixed(2),
    one.p99Ms.toFixed(2),
  ]);

function print(about: string, figures: readonly RetrievalFigures[]): void {
  console.log(`${about}\n`);
  for (const row of [HEADER, ...rowsOf(figures)]) {
    console.log(`  ${row.map((cell) => cell.padEnd(10)).join("")}`.trimEnd());
  }
}

const COLOURS: Readonly<Record<Mode, string>> = {
  lexical: "#2563eb",
  vector: "#d97706",
  hybrid: "#16a34a",
};

function pageOf(corpus: string, about: string, figures: readonly RetrievalFigures[]): string {
  const curves = figures.map(({ mode, each }) => ({
    name: mode,
    colour: COLOURS[mode],
    points: each.map((value, at) => [(at + 1) / each.length, value] as const),
  }));
  const bars = curvePlot("nDCG@10 by query", ["share of queries", "nDCG@10"], curves);
  const body = [`<p>${escaped(about)}</p>`, tableOf(HEADER, rowsOf(figures)), bars];
  return page(`Retrieval in ${corpus}`, body.join("\n"));
}
