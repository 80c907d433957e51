// The search of a collection as a tool.

import type { CallToolResult } from "@modelcontextprotocol/server";
import type { Passage } from "../../actors/knowledge/search.ts";
import type { Static } from "../../actors/schema.ts";
import type { Services } from "../http/services/services.ts";
import { loadValidator, validate } from "../http/validate.ts";
import type { McpCall } from "./call.ts";
import { textOf } from "./results.ts";
import { findInput } from "./shapes.ts";

/** Searches. @throws INVALID for wrong arguments, and what the search throws. */
export async function search(
  { knowledge }: Services,
  call: McpCall,
  of: { readonly id: string; readonly args: unknown; readonly signal: AbortSignal },
): Promise<CallToolResult> {
  await loadValidator();
  validate(findInput, of.args);
  const { query, top_k } = of.args as Static<typeof findInput>;
  const { passages } = await knowledge.search(call.caller.tenant, of.id, {
    query,
    payer: { keyId: call.caller.keyId, agent: "" },
    signal: of.signal,
    ...(top_k === undefined ? {} : { settings: { top_k } }),
  });
  const found = passages.map(shown);
  const texts = passages.map(
    ({ documentTitle, headings, text }, at) =>
      `[${at + 1}] ${[documentTitle, ...headings].join(" > ")}\n${text}`,
  );
  const content =
    texts.length === 0 ? "The collection holds nothing on the question." : texts.join("\n\n");
  return {
    content: [textOf(content)],
    structuredContent: { passages: found, nothing_relevant: found.length === 0 },
  };
}

function shown(passage: Passage): Readonly<Record<string, unknown>> {
  const { documentId, documentTitle, chunkId, text, headings, relevance, page } = passage;
  return {
    ...{ document_id: documentId, title: documentTitle, chunk_id: chunkId },
    ...{ text, headings, relevance },
    ...(page === undefined ? {} : { page }),
  };
}
