// `troupe eval retrieval`: indexes a corpus with the server's own splitter, index and built-in
// embedder, asks the queries and grades what is found, lexical, by vectors and both.

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type LexicalHit, searchLexical } from "../../actors/knowledge/bm25.ts";
import { feedbackFrom, searchAgain } from "../../actors/knowledge/feedback.ts";
import { createMemoryChunks, type MemoryChunks } from "../../actors/knowledge/memory-chunks.ts";
import {
  type ChunkQuery,
  choose,
  rank,
  ranking,
  searchText,
} from "../../actors/knowledge/retrieve.ts";
import {
  bySmoothed,
  smoothedScores,
  smoothingFor,
  smoothingLimits,
} from "../../actors/knowledge/smoothing.ts";
import { splitDocument } from "../../actors/knowledge/split.ts";
import { tuningOf } from "../../actors/knowledge/tuning.ts";
import type { RetrievalSettings } from "../../actors/records/retrieval.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { createBuiltinEmbedder } from "../embed/builtin.ts";
import { type Line, numberField, readLines, textField } from "./eval-lines.ts";
import { ndcg, quantile, type Relevance, recall, reciprocalRank } from "./eval-measures.ts";
import { deliver, evalArgs, reportOptions, shareOf } from "./eval-options.ts";
import { curvePlot, escaped, page, tableOf } from "./eval-plots.ts";

const options = {
  corpus: { type: "string" },
  queries: { type: "string" },
  qrels: { type: "string" },
  embedder: { type: "string", default: "builtin" },
  mode: { type: "string" },
  "vector-weight": { type: "string" },
  "score-threshold": { type: "string" },
  outside: { type: "string" },
  ...reportOptions,
} as const;

/** Limits of one evaluation. */
export const retrievalEvalLimits = { documents: 200_000, queries: 50_000, grade: 20 } as const;

const DEPTH = 10;
const MODES = ["lexical", "vector", "hybrid"] as const;

type Mode = (typeof MODES)[number];

/** The figures of one way to search. */
export interface RetrievalFigures {
  readonly mode: Mode;
  readonly queries: number;
  readonly ndcg10: number;
  readonly recall10: number;
  readonly mrr: number;
  /** Queries that found nothing relevant, as a server would say with this threshold. */
  readonly empty: number;
  /** Share of the questions about something else that found nothing relevant; null without any. */
  readonly refused: number | null;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** nDCG of every query, ascending. */
  readonly each: readonly number[];
}

/** Evaluates and prints. @throws RuntimeError naming what is wrong. */
export async function evaluate(args: readonly string[]): Promise<number> {
  const { values, positionals } = evalArgs(args, options);
  if (values.embedder !== "builtin") {
    throw new RuntimeError("INVALID", "--embedder is builtin: others need a running server");
  }
  const modes = values.mode === undefined ? MODES : MODES.filter((mode) => mode === values.mode);
  if (modes.length === 0) throw new RuntimeError("INVALID", `--mode is ${MODES.join(", ")}`);
  const weight = shareOf(values, "vector-weight");
  const threshold = shareOf(values, "score-threshold");
  const settings = {
    ...(weight === undefined ? {} : { weights: { vector: weight } }),
    ...(threshold === undefined ? {} : { score_threshold: threshold }),
  };
  const files = await filesOf(values, positionals);
  const corpus = await readLines(files.corpus);
  const queries = await readLines(files.queries);
  const judgements = await readLines(files.qrels);
  const wanted = relevanceOf(judgements);
  const note = strayNote(judgements, idsOf(corpus));
  idsOf(queries);
  const outside = values.outside === undefined ? [] : await readLines(values.outside);
  const begun = performance.now();
  const index = indexOf(corpus, files.corpus);
  const seconds = (performance.now() - begun) / 1_000;
  const figures: RetrievalFigures[] = [];
  for (const mode of modes) {
    figures.push(await figuresOf(index, { queries, wanted, outside }, { mode, settings }));
  }
  const chunks = index.count;
  const about = `${corpus.length} documents, ${chunks} chunks (${Math.round(chunks / seconds)} a second), embedder builtin${note}`;
  await deliver(
    {
      data: { about, figures },
      print: () => print(about, figures),
      page: () => pageOf(files.corpus, about, figures),
    },
    values,
  );
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

/** Ids of a corpus or of queries. @throws INVALID naming the second line of the same id. */
function idsOf(lines: readonly Line[]): Set<string> {
  const ids = new Map<string, number>();
  for (const line of lines) {
    const id = textField(line, oneOf(line, ["_id", "id"]));
    const before = ids.get(id);
    if (before !== undefined) {
      const where = `${line.file}:${line.number}`;
      throw new RuntimeError("INVALID", `${where} has the id "${id}" of line ${before} again.`);
    }
    ids.set(id, line.number);
  }
  return new Set(ids.keys());
}

/** Lines that name a document or a query that is not there: they count as not found, and are said. */
function strayNote(lines: readonly Line[], documents: ReadonlySet<string>): string {
  const strays = lines.filter((line) => {
    const names = oneOf(line, ["d", "corpus-id", "doc_id"]);
    return !documents.has(textField(line, names));
  });
  const [first] = strays;
  if (first === undefined) return "";
  return `; judgements of documents that are not in the corpus: ${strays.length}, the first at ${first.file}:${first.number}`;
}

/** Lines {q, d, r} or {query-id, corpus-id, score}. Grades of 0 and less are of what is not relevant. */
function relevanceOf(lines: readonly Line[]): Map<string, Map<string, number>> {
  const all = new Map<string, Map<string, number>>();
  for (const line of lines) {
    const query = textField(line, oneOf(line, ["q", "query-id", "query_id"]));
    const document = textField(line, oneOf(line, ["d", "corpus-id", "doc_id"]));
    const grade = numberField(line, oneOf(line, ["r", "score", "relevance"]));
    if (grade > retrievalEvalLimits.grade) {
      const where = `${line.file}:${line.number}`;
      const most = retrievalEvalLimits.grade;
      throw new RuntimeError("INVALID", `${where} has the grade ${grade}; at most ${most}.`);
    }
    if (grade <= 0) continue;
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

function wordsIn(index: MemoryChunks, query: string): readonly LexicalHit[] {
  const parts = [index.lexical];
  const hits = searchLexical(parts, query, ranking.depth);
  const chunks = feedbackFrom(parts, hits).map((slot) => index.get(slot));
  const found = searchAgain(parts, query, hits, chunks, { limit: ranking.depth }) ?? hits;
  const evenness = smoothingFor(parts, hits);
  if (evenness === 0) return found;
  const best = found.slice(0, smoothingLimits.hits);
  const vectors = best.map(({ slot }) => index.get(slot)?.vector ?? new Float32Array(0));
  return bySmoothed(found, smoothedScores(found, vectors, evenness));
}

/** Documents, best first: each stands where its best chunk does. And whether any is relevant. */
async function foundIn(
  index: MemoryChunks,
  query: ChunkQuery,
): Promise<{ readonly documents: readonly string[]; readonly isEmpty: boolean }> {
  const words = query.mode === "vector" ? [] : wordsIn(index, query.query);
  const near =
    query.mode === "lexical" ? [] : index.nearest(query.vector, ranking.depth, () => true);
  const candidates = rank(words, near, query);
  // The ranking is graded as it is; whether it would be shown is graded apart from it.
  const threshold = { best: 0, each: query.threshold.each };
  const read = (slots: readonly number[]) => slots.map((slot) => index.get(slot));
  const { passages } = await choose(candidates, { ...query, threshold }, "eval", read);
  const judged = passages.slice(0, ranking.judged);
  return {
    documents: [...new Set(passages.map(({ documentId }) => documentId))],
    isEmpty: !judged.some(({ relevance }) => relevance >= query.threshold.best),
  };
}

interface Questions {
  readonly queries: readonly Line[];
  readonly wanted: ReadonlyMap<string, Relevance>;
  /** About something else. */
  readonly outside: readonly Line[];
}

async function figuresOf(
  index: MemoryChunks,
  { queries, wanted, outside }: Questions,
  { mode, settings }: { readonly mode: Mode; readonly settings: RetrievalSettings },
): Promise<RetrievalFigures> {
  const embedder = createBuiltinEmbedder();
  const tuning = tuningOf(settings, {}, { mode, kind: "words" });
  const ask = async (line: Line) => {
    const query = textField(line, "text");
    const begun = performance.now();
    const vector = embedder.embedNow(query);
    const found = await foundIn(index, { ...tuning, query, vector, topK: ranking.topKMax });
    return { ...found, ms: performance.now() - begun };
  };
  const times: number[] = [];
  const each: number[] = [];
  let recalled = 0;
  let reciprocal = 0;
  let empty = 0;
  for (const line of queries.slice(0, retrievalEvalLimits.queries)) {
    const relevant = wanted.get(textField(line, oneOf(line, ["_id", "id"])));
    if (relevant === undefined) continue;
    const { documents, isEmpty, ms } = await ask(line);
    times.push(ms);
    if (isEmpty) empty += 1;
    each.push(ndcg(documents, relevant, DEPTH));
    recalled += recall(documents, relevant, DEPTH);
    reciprocal += reciprocalRank(documents, relevant);
  }
  if (each.length === 0) {
    throw new RuntimeError("INVALID", "No query has a relevant document: do the ids agree?");
  }
  let refused = 0;
  const strangers = outside.slice(0, retrievalEvalLimits.queries);
  for (const line of strangers) if ((await ask(line)).isEmpty) refused += 1;
  const count = each.length;
  return {
    mode,
    queries: count,
    ndcg10: each.reduce((sum, one) => sum + one, 0) / count,
    recall10: recalled / count,
    mrr: reciprocal / count,
    empty,
    refused: strangers.length === 0 ? null : refused / strangers.length,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    each: each.sort((a, b) => a - b),
  };
}

const HEADER = [
  ...["mode", "queries", "nDCG@10", "recall@10", "MRR", "empty", "refused"],
  ...["p50 ms", "p99 ms"],
];

const rowsOf = (figures: readonly RetrievalFigures[]): string[][] =>
  figures.map((one) => [
    one.mode,
    String(one.queries),
    one.ndcg10.toFixed(3),
    one.recall10.toFixed(3),
    one.mrr.toFixed(3),
    String(one.empty),
    one.refused === null ? "-" : `${(one.refused * 100).toFixed(1)} %`,
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
