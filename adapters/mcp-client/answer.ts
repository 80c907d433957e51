// What a tool of a server gave, as data for a model: what has a structure as it is, texts as texts, and of pictures,
// sounds and files that they were there: a model is not shown them.

import type { CallToolResult } from "@modelcontextprotocol/client";
import { seen } from "../../actors/mcp/definition.ts";
import { type McpAnswer, mcpLimits } from "../../actors/mcp/port.ts";
import { RuntimeError } from "../../runtime/errors.ts";

/** Parts that are told of; those beyond are counted. */
const PARTS_MAX = 1_000;
const NAME_CHARS = 500;

type Part = CallToolResult["content"][number];
/** What is told of a part. */
type Told =
  | { readonly text: string }
  | { readonly resource: Readonly<Record<string, string>> }
  | { readonly left: string };

/** @param hide takes secrets of the request out. @throws PROVIDER_FAILED for what is nested too deep. */
export function answerOf(result: CallToolResult, hide: (text: string) => string): McpAnswer {
  const { content = [], structuredContent, isError } = result;
  const told = content.slice(0, PARTS_MAX).map(toldOf);
  const texts = told.flatMap((one) => ("text" in one ? [one.text] : []));
  const text = texts.join("\n\n");
  const left = told.flatMap((one) => ("left" in one ? [one.left] : []));
  const more = content.length - told.length;
  if (more > 0) left.push(`${more} more parts`);
  if (isError === true) {
    const said = text === "" ? JSON.stringify(structuredContent ?? null) : text;
    return { status: "failed", text: hide(said) };
  }
  if (isDeeper(structuredContent, mcpLimits.resultDepth)) {
    const message = `The result has more than ${mcpLimits.resultDepth} levels.`;
    throw new RuntimeError("PROVIDER_FAILED", message);
  }
  const resources = told.flatMap((one) => ("resource" in one ? [one.resource] : []));
  const shown = {
    ...(structuredContent !== undefined && { structured_content: structuredContent }),
    ...(text !== "" && !isSame(text, structuredContent) && { text }),
    ...(resources.length > 0 && { resources }),
    ...(left.length > 0 && { left_out: left }),
  };
  return { status: "answered", result: hidden(shown, hide) };
}

function toldOf(part: Part): Told {
  switch (part.type) {
    case "text":
      return { text: part.text };
    case "image":
    case "audio": {
      const what = part.type === "image" ? "an image" : "a sound";
      return {
        left: `${what} (${seen(part.mimeType, NAME_CHARS)}, ${part.data.length} characters of base64)`,
      };
    }
    case "resource_link": {
      const { uri, name, mimeType = "" } = part;
      return {
        resource: {
          uri: seen(uri, NAME_CHARS),
          name: seen(name, NAME_CHARS),
          type: seen(mimeType, NAME_CHARS),
        },
      };
    }
    case "resource": {
      const { resource } = part;
      const uri = seen(resource.uri, NAME_CHARS);
      if ("text" in resource) return { resource: { uri, text: resource.text } };
      return { left: `a file (${uri}, ${resource.blob.length} characters of base64)` };
    }
  }
}

/** Servers say what has a structure as a text too, for clients that do not know it. */
function isSame(text: string, structured: unknown): boolean {
  if (structured === undefined || !/^\s*[[{]/.test(text)) return false;
  try {
    return JSON.stringify(JSON.parse(text)) === JSON.stringify(structured);
  } catch {
    return false;
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((one) => isDeeper(one, levels - 1));
}

function hidden(value: object, hide: (text: string) => string): unknown {
  const text = JSON.stringify(value);
  const clean = hide(text);
  if (clean === text) return value;
  try {
    return JSON.parse(clean) as unknown;
  } catch {
    return { text: clean };
  }
}
