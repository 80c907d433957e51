// The words of a decision: the sentence that says why, and the short label of what was asked.

import type { SubAgent } from "../records/sub-agent.ts";
import { normalise } from "../text/words.ts";

const GENERIC = new Set("agent assistant bot sub specialist expert the a team desk".split(" "));
const NAME_CHARS_MAX = 80;
const KEYWORDS_MAX = 5;
const LABEL_CHARS_MAX = 48;

/** A label of letters, digits and underscores; "" when nothing is left. */
export function snakeCase(text: string): string {
  const words = normalise(text).match(/[a-z0-9]+/g) ?? [];
  return words.join("_").slice(0, LABEL_CHARS_MAX).replace(/_+$/, "");
}

/** `docs_how_to` from "Docs Agent" and the keyword "how to". */
export function intentOf(subAgent: SubAgent, keyword?: string): string {
  const name = subAgent.name.split(/\s+/).filter((word) => !GENERIC.has(word.toLowerCase()));
  const topic = snakeCase(name.join(" ")) || snakeCase(subAgent.name) || "sub_agent";
  const detail = keyword === undefined ? "" : snakeCase(keyword);
  if (detail === topic) return `${topic}_request`;
  if (detail !== "") return snakeCase(`${topic} ${detail}`);
  return subAgent.use_rag ? `${topic}_lookup` : `${topic}_request`;
}

/** A name as it may stand in a sentence. */
export function shown(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > NAME_CHARS_MAX ? `${line.slice(0, NAME_CHARS_MAX)}...` : line;
}

/** "keyword: refund" or "keywords: how to, export". */
export function listed(words: readonly string[]): string {
  const different = [...new Set(words.map(shown))].slice(0, KEYWORDS_MAX);
  return `${different.length === 1 ? "keyword" : "keywords"}: ${different.join(", ")}`;
}

/** "Question" or "Message", by its punctuation. */
export function kindOf(message: string): string {
  return /[?？؟]/.test(message) ? "Question" : "Message";
}
