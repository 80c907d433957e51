// Reads the YAML of a pack. It comes from anybody: how long, how deep and how much of it there is is
// bounded before any value is made, and aliases cannot multiply. Every value keeps its place.

import type { CST, Document, Node } from "yaml";
import { RuntimeError } from "../../runtime/errors.ts";
import { packLimits } from "./limits.ts";
import { type Place, Problems } from "./problems.ts";

type Yaml = typeof import("yaml");

/** A pack's file as it was read. */
export interface PackFile {
  readonly value: unknown;
  /** Where a value stands, or the nearest around it that does. */
  placeOf(pointer: string): Place;
}

/** Where in the text, by offset. */
type PlaceAt = (offset: number) => Place;

/**
 * Reads a file.
 * @param name as it stands in refusals.
 * @throws INVALID with `details.problems`; BODY_TOO_LARGE.
 */
export async function readPackFile(text: string, name: string): Promise<PackFile> {
  const bytes = Buffer.byteLength(text);
  if (bytes > packLimits.sourceBytes) {
    const message = `${name} has ${bytes} bytes; a pack's file has at most ${packLimits.sourceBytes}.`;
    throw new RuntimeError("BODY_TOO_LARGE", message);
  }
  const yaml = await import("yaml");
  const lines = new yaml.LineCounter();
  const place: PlaceAt = (offset) => {
    const { line, col } = lines.linePos(offset);
    return { file: name, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems = new Problems(() => place(0));
  const refuse = (offset: number, message: string): void =>
    problems.addAt(place(offset), { code: "INVALID", message, pointer: "" });
  checkLexemes(yaml, text, refuse);
  problems.check();
  // The parser keeps a stack of its own; what composes its tokens calls itself for every level.
  const tokens = [...new yaml.Parser(lines.addNewLine).parse(text)];
  checkShape(tokens, refuse);
  problems.check();
  const composer = new yaml.Composer({ uniqueKeys: true, version: "1.2" });
  const [document, second] = composer.compose(tokens, true, text.length);
  if (second !== undefined) refuse(second.range[0], "A pack is one document.");
  if (document === undefined) refuse(0, "The file is empty.");
  for (const { pos, message } of document?.errors ?? []) refuse(pos[0], message);
  problems.check();
  const value = document === undefined ? undefined : plainOf(document, refuse);
  problems.check();
  return {
    value,
    placeOf: (pointer) => (document ? placeIn(yaml, document, pointer, place) : place(0)),
  };
}

/** Marks of the lexer that are not in the text. */
const MARKS: readonly string[] = ["\u0002", "\u0018", "\u001f"];

/**
 * Bounds what would take the parser or an alias longer than its length: levels of brackets and of
 * lists in one line, and aliases, each of which is looked up in all of the document.
 */
function checkLexemes(
  { Lexer, CST }: Yaml,
  text: string,
  refuse: (offset: number, what: string) => void,
): void {
  let [offset, brackets, inLine, aliases] = [0, 0, 0, 0];
  let isText = false;
  for (const lexeme of new Lexer().lex(text)) {
    const type: string | null = isText ? null : CST.tokenType(lexeme);
    isText = type === "scalar";
    if (type === "flow-map-start" || type === "flow-seq-start") brackets += 1;
    else if (type === "flow-map-end" || type === "flow-seq-end") brackets -= 1;
    else if (type === "seq-item-ind" || type === "explicit-key-ind") inLine += 1;
    else if (type === "newline") inLine = 0;
    else if (type === "alias") aliases += 1;
    if (brackets + inLine > packLimits.depth) {
      refuse(offset, `A pack's file is at most ${packLimits.depth} levels deep.`);
      return;
    }
    if (aliases > packLimits.aliases) {
      refuse(offset, `A pack's file has at most ${packLimits.aliases} aliases.`);
      return;
    }
    if (type === null || !MARKS.includes(lexeme)) offset += lexeme.length;
  }
}

/** Bounds the levels and the nodes of what the parser found. */
function checkShape(
  tokens: readonly CST.Token[],
  refuse: (offset: number, what: string) => void,
): void {
  const left: { readonly token: CST.Token; readonly depth: number }[] = [];
  for (const token of tokens) left.push({ token, depth: 0 });
  for (let seen = 0, next = left.pop(); next !== undefined; next = left.pop()) {
    const { token, depth } = next;
    const offset = "offset" in token ? token.offset : 0;
    seen += 1;
    if (depth > packLimits.depth) {
      refuse(offset, `A pack's file is at most ${packLimits.depth} levels deep.`);
      return;
    }
    if (seen > packLimits.nodes) {
      refuse(offset, `A pack's file has at most ${packLimits.nodes} values.`);
      return;
    }
    if (token.type === "document" && token.value) left.push({ token: token.value, depth });
    if (!("items" in token)) continue;
    for (const { key, value } of token.items) {
      if (key) left.push({ token: key, depth: depth + 1 });
      if (value) left.push({ token: value, depth: depth + 1 });
    }
  }
}

function plainOf(document: Document, refuse: (offset: number, what: string) => void): unknown {
  try {
    return document.toJS({ maxAliasCount: packLimits.aliases });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    refuse(0, `Aliases repeat more than a pack may: ${error.message}.`);
    return undefined;
  }
}

/** Follows a pointer through the nodes. */
function placeIn(yaml: Yaml, document: Document, pointer: string, at: PlaceAt): Place {
  let node: unknown = document.contents;
  let place = at(rangeOf(node) ?? 0);
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (yaml.isAlias(node)) node = node.resolve(document);
    if (yaml.isMap(node)) {
      const pair = node.items.find(
        ({ key }) => String(yaml.isScalar(key) ? key.value : key) === name,
      );
      if (pair === undefined) return place;
      place = at(rangeOf(pair.key) ?? 0);
      node = pair.value;
    } else if (yaml.isSeq(node)) {
      node = node.items[Number(name)];
      const start = rangeOf(node);
      if (start === undefined) return place;
      place = at(start);
    } else return place;
  }
  return place;
}

function rangeOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
