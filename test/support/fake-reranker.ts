// A server with `/rerank` for tests, on a real socket, as Cohere, Jina and vLLM have it: refuses what
// they refuse, sends results best first, and scores a document by the words of the query it has.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What it was asked. */
export interface RerankCall {
  readonly authorization: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What it does instead of answering well. */
export interface RerankTrouble {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Never answers. */
  readonly isSilent?: boolean;
  /** Changes the answer. */
  readonly answer?: (answer: RerankAnswer) => unknown;
  /** Sent as it is. */
  readonly text?: string;
}

/** Its answer. */
export interface RerankAnswer {
  readonly id: string;
  readonly model: unknown;
  readonly results: readonly { readonly index: number; readonly relevance_score: number }[];
  readonly meta: { readonly billed_units: { readonly search_units: number } };
}

/** A running server. */
export interface FakeReranker {
  /** Base address, with `/v1`. */
  readonly url: string;
  readonly calls: RerankCall[];
  /** For the next calls, one after another; then it answers well. */
  readonly troubles: RerankTrouble[];
  close(): Promise<void>;
}

const KEY = "Bearer rerank-key";
const DOCUMENTS_MAX = 1_000;

/** Starts one on a free port of 127.0.0.1. Its key is `rerank-key`. */
export async function startFakeReranker(): Promise<FakeReranker> {
  const calls: RerankCall[] = [];
  const troubles: RerankTrouble[] = [];
  const server = createServer((request, response) => {
    serve(request, response, { calls, troubles }).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    calls,
    troubles,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { calls, troubles }: Pick<FakeReranker, "calls" | "troubles">,
): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const send = (status: number, text: string, headers = {}): void => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
  };
  const refuse = (status: number, message: string): void =>
    send(status, JSON.stringify({ message }));
  if (request.method !== "POST" || request.url !== "/v1/rerank") return refuse(404, "not found");
  const body = JSON.parse(Buffer.concat(pieces).toString()) as RerankCall["body"];
  calls.push({ authorization: request.headers.authorization, body });
  if (request.headers.authorization !== KEY) return refuse(401, "invalid api token");
  const trouble = troubles.shift();
  if (trouble?.isSilent) return;
  if (trouble?.status !== undefined) {
    return send(trouble.status, JSON.stringify({ message: "later" }), trouble.headers);
  }
  const wrong = wrongIn(body);
  if (wrong !== undefined) return refuse(400, wrong);
  const answer = answerOf(body);
  send(200, trouble?.text ?? JSON.stringify(trouble?.answer?.(answer) ?? answer));
}

function wrongIn({ model, query, documents, top_n }: RerankCall["body"]): string | undefined {
  if (typeof model !== "string" || model === "") return "model is required";
  if (typeof query !== "string" || query === "") return "query must not be empty";
  if (!Array.isArray(documents) || documents.length === 0) return "documents must not be empty";
  if (documents.length > DOCUMENTS_MAX) return "too many documents";
  if (documents.some((one) => typeof one !== "string" || one === "")) return "empty document";
  if (top_n !== undefined && !(Number.isInteger(top_n) && Number(top_n) > 0)) return "top_n";
  return undefined;
}

function answerOf({ model, query, documents, top_n }: RerankCall["body"]): RerankAnswer {
  const words = wordsOf(String(query));
  const results = (documents as string[]).map((text, index) => {
    const there = new Set(wordsOf(text));
    const shared = words.filter((word) => there.has(word)).length;
    // Never quite 0 or 1, and of two alike the shorter one is better, as models have it.
    const relevance_score = (0.98 * shared) / Math.max(1, words.length) + 0.01 / (1 + text.length);
    return { index, relevance_score };
  });
  results.sort((a, b) => b.relevance_score - a.relevance_score);
  return {
    id: "rerank-1",
    model,
    results: results.slice(0, Number(top_n ?? results.length)),
    meta: { billed_units: { search_units: 1 } },
  };
}

const wordsOf = (text: string): string[] => text.toLowerCase().match(/\p{L}+/gu) ?? [];
