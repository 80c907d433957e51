// What each format's parser gives, and what they share: metadata that is small and plain.

import type { ParsedDocument } from "../../actors/ports.ts";
import { parseLimits } from "./limits.ts";
import { cleaned } from "./text-out.ts";

/** A document as one format's parser gives it. */
export type Parsed = Omit<ParsedDocument, "format">;

/** Metadata. */
export type Metadata = ParsedDocument["metadata"];

/** Plain values of a document's own metadata: short, and not too many. */
export function plainMetadata(values: Readonly<Record<string, unknown>>): Metadata {
  const plain: Record<string, Metadata[string]> = {};
  for (const [name, value] of Object.entries(values).slice(0, parseLimits.metadataValues)) {
    const kept = plainValue(value);
    if (kept !== undefined) plain[name.slice(0, parseLimits.metadataChars)] = kept;
  }
  return plain;
}

function plainValue(value: unknown): Metadata[string] | undefined {
  if (typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (value instanceof Date) return isoDate(value);
  if (Array.isArray(value)) {
    const strings = value.slice(0, parseLimits.metadataValues).flatMap((one) => shortText(one));
    return strings.length === 0 ? undefined : strings;
  }
  return shortText(value)[0];
}

function shortText(value: unknown): string[] {
  if (typeof value === "number" || typeof value === "boolean") return [String(value)];
  if (typeof value !== "string") return [];
  const text = oneLine(value).slice(0, parseLimits.metadataChars);
  return text === "" ? [] : [text];
}

/** ISO 8601, or undefined of a date that is none. */
export function isoDate(date: Date): string | undefined {
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** A title, when there is one. */
export function titled(title: string | undefined): { readonly title?: string } {
  const line = oneLine(title ?? "")
    .slice(0, parseLimits.titleChars)
    .trim();
  return line === "" ? {} : { title: line };
}

function oneLine(text: string): string {
  return cleaned(text).replace(/\s+/g, " ").trim();
}
