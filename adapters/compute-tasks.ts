// What the compute pool's threads can do, by exported name. Loaded in those threads only.

import type { Said, screen } from "../actors/guard/screen.ts";
import { searchText } from "../actors/knowledge/retrieve.ts";
import { type Chunk, splitDocument, splitLimits } from "../actors/knowledge/split.ts";
import type { TokenizerSpec } from "../actors/ports.ts";
import { shared } from "../actors/routing/share.ts";
import { type TrainingInput, trainWeights, type Weights } from "../actors/routing/training.ts";
import { createBuiltinEmbedder } from "./embed/builtin.ts";
import { loadTokenizer } from "./embed/tokenizers.ts";
import { layoutGraph } from "./graphs/graph-layout.ts";
import { parseTask } from "./parse/pool-parser.ts";
import type { ReadSkill } from "./skills/read-skill.ts";

const embedder = createBuiltinEmbedder();

/** Splits texts into chunks that an embedder reads whole, title and headings included. */
export async function splitTexts(input: unknown): Promise<Chunk[][]> {
  const { texts, tokenizer: spec, tokensMax } = input as SplitInput;
  const tokenizer = await loadTokenizer(spec);
  const room = Math.max(splitLimits.tokensMin, tokensMax - ABOVE_TOKENS);
  const options = { tokenizer, tokensMax: Math.min(room, splitLimits.tokensMax) };
  return texts.map((text) => splitDocument(text, options));
}

/** Splits texts and gives the built-in embedder's vectors of all chunks, one after the other. */
export async function prepareTexts(input: unknown): Promise<Prepared> {
  const { titles, ...splitting } = input as SplitInput & { readonly titles: readonly string[] };
  const chunks = await splitTexts(splitting);
  const texts = chunks.flatMap((some, at) =>
    some.map((chunk) => searchText({ ...chunk, documentTitle: titles[at] ?? "" })),
  );
  // One array: a thousand small ones take longer between threads than their numbers.
  const vectors = new Float32Array(texts.length * embedder.dimension);
  for (const [at, text] of texts.entries()) {
    vectors.set(embedder.embedNow(text), at * embedder.dimension);
  }
  return { chunks, vectors };
}

interface Prepared {
  readonly chunks: readonly (readonly Chunk[])[];
  readonly vectors: Float32Array;
}

/** Room for what a chunk is embedded with: its document's title and the headings above it. */
const ABOVE_TOKENS = 64;

interface SplitInput {
  readonly texts: readonly string[];
  readonly tokenizer: TokenizerSpec;
  readonly tokensMax: number;
}

/** Places the nodes and lines of a picture. */
export const layoutPicture = layoutGraph;

/** Reads a document. */
export const parseKnowledge = parseTask;

/** Reads what was sent as a skill. */
export async function readSkills(input: unknown): Promise<ReadSkill> {
  // A zip and a YAML reader come with it: few threads ever need them.
  return await (await import("./skills/read-skill.ts")).readSkill(input);
}

/** Looks for files in granted folders. */
export async function searchFolders(input: unknown): Promise<unknown> {
  return await (await import("./files/search.ts")).searchFiles(input);
}

/** Statistics of a table of data. */
export async function analyzeTable(input: unknown): Promise<unknown> {
  return await (await import("./files/tables/analyze.ts")).analyzeData(input);
}

/** Title and text of a page of the web. */
export async function pageText(input: unknown): Promise<unknown> {
  const { htmlText } = await import("./parse/html.ts");
  const { title = "", text } = htmlText(String(input), { hasAddresses: true });
  return { title, text: text.trim() };
}

/** Operations of an OpenAPI document. */
export async function readOpenApi(input: unknown): Promise<unknown> {
  return await (await import("./openapi/operations.ts")).readApi(input);
}

/** Looks at what is said by guardrails. */
export async function screenSaid(input: unknown): Promise<unknown> {
  const { message, by } = input as { message: Said; by: Parameters<typeof screen>[1] };
  return await (await import("../actors/guard/screen.ts")).screen(message, by);
}

/** Trains the classifier of a router, in memory that the thread that asked reads as it is. */
export function trainRouter(input: unknown): Weights {
  return shared(trainWeights(input as TrainingInput));
}

/** Vectors of the built-in embedder. */
export function embedTexts(input: unknown): Float32Array[] {
  return (input as readonly string[]).map((text) => embedder.embedNow(text));
}
