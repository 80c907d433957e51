// Plain text, Markdown and source code: the text itself is the document's text.

import { parse as parseYaml } from "yaml";
import type { Decoded } from "./decode.ts";
import { parseLimits } from "./limits.ts";
import { type Metadata, type Parsed, plainMetadata, titled } from "./parsed.ts";
import { checkTextSize, cleaned } from "./text-out.ts";

const FRONT_MATTER = /^---[ \t]*\n([\s\S]*?)\n(?:---|\.\.\.)[ \t]*(?:\n|$)/;
const HEADING_LINE = /^ {0,3}#[ \t]+(.{1,400})$/m;

/** Plain text. */
export function parsePlain({ text, encoding, warnings }: Decoded): Parsed {
  const clean = cleaned(text);
  checkTextSize(clean);
  return { text: clean, metadata: { encoding }, warnings };
}

/** Markdown; its front matter becomes metadata. */
export function parseMarkdown(decoded: Decoded): Parsed {
  const { text, metadata, warnings } = parsePlain(decoded);
  const found = FRONT_MATTER.exec(text.slice(0, parseLimits.frontMatterBytes));
  const front = found === null ? undefined : frontMatter(found[1] ?? "");
  if (found === null || front === undefined) {
    return { text, ...titled(firstHeading(text)), metadata, warnings };
  }
  const { title, ...rest } = front;
  const body = text.slice(found[0].length).replace(/^\n+/, "");
  const named = typeof title === "string" ? title : firstHeading(body);
  return { text: body, ...titled(named), metadata: { ...metadata, ...rest }, warnings };
}

/** Source code: fenced, so that it is split and shown as such. */
export function parseCode(decoded: Decoded, language: string): Parsed {
  const { text, metadata, warnings } = parsePlain(decoded);
  if (text.trim() === "") return { text: "", metadata, warnings };
  const fence = fenceFor(text);
  const code = `${fence}${language}\n${text}${text.endsWith("\n") ? "" : "\n"}${fence}\n`;
  checkTextSize(code);
  return { text: code, metadata: { ...metadata, programming_language: language }, warnings };
}

/** A fence longer than any in the text. */
export function fenceFor(text: string): string {
  let longest = 2;
  for (const [run] of text.matchAll(/`{3,}/g)) longest = Math.max(longest, run.length);
  return "`".repeat(longest + 1);
}

function firstHeading(text: string): string | undefined {
  return HEADING_LINE.exec(text.slice(0, parseLimits.frontMatterBytes))?.[1]?.replace(
    /\s+#+\s*$/,
    "",
  );
}

/** Undefined when it is no mapping: then those lines are text. */
function frontMatter(yaml: string): Metadata | undefined {
  try {
    const values: unknown = parseYaml(yaml, { logLevel: "silent" });
    if (typeof values !== "object" || values === null || Array.isArray(values)) return undefined;
    return plainMetadata({ ...values });
  } catch {
    return undefined;
  }
}
