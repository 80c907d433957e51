// Reads what models write: CommonMark with GitHub's tables, strike-through, task lists and bare links.
// Footnotes are left as they stand: no platform has a place for them.

import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { gfm } from "micromark-extension-gfm";
import { cleaned as withoutControls } from "../../parse/text-out.ts";
import {
  type Block,
  type Inline,
  type Item,
  lines,
  normal,
  type Row,
  text,
  textOf,
} from "./document.ts";
import { formatLimits } from "./limits.ts";
import { ESCAPED, effortOf, stretches } from "./stretches.ts";

type Root = ReturnType<typeof fromMarkdown>;
type Node = Root["children"][number];
type Phrasing = Extract<Node, { type: "paragraph" }>["children"][number];
type Of<Type> = Extract<Node, { type: Type }>;

const footnotes = ["gfmFootnoteDefinition", "gfmFootnoteCall", "gfmPotentialFootnoteCall"];
const options: Parameters<typeof fromMarkdown>[1] = {
  extensions: [gfm(), { disable: { null: footnotes } }],
  // Without the pass that looks for links once more in what was escaped.
  mdastExtensions: gfmFromMarkdown().map(({ transforms, ...extension }) => extension),
};

const DEFINITION = /^ {0,3}\[((?:[^\\[\]\n]|\\.){1,200})\]:[ \t]*\S.*$/gm;
const DEFINITIONS_MAX = 200;
const LINE_BREAK = /^<br\s*\/?>$/i;

/** Keeps apart what would be read as one thing; it is nothing by itself. */
export const SEAM = "<!---->";

/** All blocks of a text. */
export function readMarkdown(markdown: string): Block[] {
  return [...blocksOf(markdown)];
}

/** The blocks of a text, read as they are asked for: who needs only the first reads no others. */
export function* blocksOf(markdown: string): Generator<Block> {
  const whole = cleaned(markdown);
  const definitions = definitionsIn(whole);
  let read = 0;
  for (const stretch of stretches(whole)) {
    read += stretch.type === "marked" ? effortOf(stretch.text) : stretch.text.length;
    if (stretch.type === "code")
      yield { type: "code", lang: langOf(stretch.lang), value: stretch.text };
    else if (stretch.type === "plain" || read > formatLimits.markedChars)
      yield* plain(stretch.text);
    else yield* marked(stretch.text, definitions);
  }
}

/** One kind of line break, no control characters. */
function cleaned(value: string): string {
  return withoutControls(value).replaceAll(/[\u2028\u2029\u0085]/g, "\n");
}

/** The lines that say what a reference links to, by their label; the first one counts, and only if it is used. */
function definitionsIn(whole: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (!whole.includes("]:")) return found;
  const lower = whole.toLowerCase();
  for (const [line, label = ""] of whole.matchAll(DEFINITION)) {
    const key = `[${label.toLowerCase()}]`;
    const isUsed = lower.indexOf(key) !== lower.lastIndexOf(key);
    if (isUsed && !found.has(key)) found.set(key, line);
    if (found.size === DEFINITIONS_MAX) break;
  }
  return found;
}

/** Paragraphs of a text without marks. */
function plain(stretch: string): Block[] {
  return stretch
    .replaceAll(ESCAPED, (_, mark, code) => mark ?? String.fromCharCode(Number(code)))
    .split(/\n[ \t]*(?:\n[ \t]*)+/)
    .flatMap((paragraph) => paragraphOf(lines(paragraph)));
}

function marked(stretch: string, definitions: ReadonlyMap<string, string>): Block[] {
  const lower = stretch.toLowerCase();
  const used = [...definitions].flatMap(([key, line]) => (lower.includes(key) ? [line] : []));
  const source = [...used, "", stretch].join(used.length === 0 ? "" : "\n");
  let root: Root;
  try {
    root = fromMarkdown(source, options);
  } catch {
    // A text that the parser dies of is still an answer to somebody.
    return plain(stretch);
  }
  const links = new Map<string, string>();
  for (const node of root.children)
    if (node.type === "definition" && !links.has(node.identifier))
      links.set(node.identifier, node.url);
  return new Reader(source, links, definitions).blocks(root.children, 0);
}

/** Makes blocks of what the parser has found. */
class Reader {
  readonly #source: string;
  readonly #links: ReadonlyMap<string, string>;
  readonly #definitions: ReadonlyMap<string, string>;

  constructor(
    source: string,
    links: ReadonlyMap<string, string>,
    definitions: ReadonlyMap<string, string>,
  ) {
    this.#source = source;
    this.#links = links;
    this.#definitions = definitions;
  }

  blocks(nodes: readonly Node[], depth: number): Block[] {
    return nodes.flatMap((node) => this.#block(node, depth));
  }

  #block(node: Node, depth: number): Block[] {
    switch (node.type) {
      case "paragraph":
        return paragraphOf(this.#inlines(node.children));
      case "heading": {
        const children = normal(withoutStrong(this.#inlines(node.children)));
        return children.length === 0 ? [] : [{ type: "heading", depth: node.depth, children }];
      }
      case "code":
        return [{ type: "code", lang: langOf(node.lang ?? ""), value: cleaned(node.value) }];
      case "thematicBreak":
        return [{ type: "rule" }];
      case "html":
        if (node.value === SEAM) return [];
        return paragraphOf(lines(node.value));
      case "definition": {
        // What is referred to is named there; a list of sources that nobody refers to is a text of its own.
        const isUsed = this.#definitions.has(`[${(node.label ?? "").toLowerCase()}]`);
        return isUsed ? [] : paragraphOf(lines(this.#sourceOf(node)));
      }
      case "table":
        return [{ type: "table", rows: this.#rows(node) }];
      case "blockquote":
      case "list":
        // Nested so deep that nobody can show it: as it was written.
        if (depth === formatLimits.depth) return paragraphOf(lines(this.#sourceOf(node)));
        if (node.type === "list") return this.#list(node, depth + 1);
        return quoteOf(this.blocks(node.children, depth + 1));
      default:
        return [];
    }
  }

  #list(node: Of<"list">, depth: number): Block[] {
    const items = node.children.map(
      (item): Item => ({
        isDone: item.checked ?? null,
        children: this.blocks(item.children, depth),
      }),
    );
    return [{ type: "list", start: node.ordered ? (node.start ?? 1) : null, items }];
  }

  #rows(node: Of<"table">): Row[] {
    const columns = Math.max(...node.children.map(({ children }) => children.length));
    return node.children.map(({ children }) =>
      Array.from({ length: columns }, (_, at) =>
        normal(this.#inlines(children[at]?.children ?? [])),
      ),
    );
  }

  #inlines(nodes: readonly Phrasing[]): Inline[] {
    return nodes.flatMap((node): Inline[] => {
      switch (node.type) {
        case "text":
          return lines(cleaned(node.value));
        case "inlineCode":
          return [{ type: "code", value: cleaned(node.value).replaceAll("\n", " ") }];
        case "break":
          return [{ type: "break" }];
        case "html":
          if (node.value === SEAM) return [];
          return LINE_BREAK.test(node.value) ? [{ type: "break" }] : lines(node.value);
        case "strong":
        case "emphasis":
          return [{ type: node.type, children: this.#inlines(node.children) }];
        case "delete":
          return [{ type: "strike", children: this.#inlines(node.children) }];
        case "link":
          return linkOf(node.url, this.#inlines(node.children));
        case "linkReference":
          return linkOf(this.#links.get(node.identifier) ?? "", this.#inlines(node.children));
        case "image":
          return linkOf(node.url, lines(cleaned(node.alt ?? "")));
        case "imageReference":
          return linkOf(this.#links.get(node.identifier) ?? "", lines(cleaned(node.alt ?? "")));
        default:
          return [];
      }
    });
  }

  #sourceOf(node: Node): string {
    return this.#source.slice(node.position?.start.offset, node.position?.end.offset);
  }
}

function paragraphOf(inlines: readonly Inline[]): Block[] {
  const children = normal(inlines);
  return children.length === 0 ? [] : [{ type: "paragraph", children }];
}

/** A heading is bold by itself. */
function withoutStrong(inlines: readonly Inline[]): Inline[] {
  return inlines.flatMap((one): Inline[] => {
    if (!("children" in one)) return [one];
    const children = withoutStrong(one.children);
    return one.type === "strong" ? children : [{ ...one, children }];
  });
}

function quoteOf(children: readonly Block[]): Block[] {
  return children.length === 0 ? [] : [{ type: "quote", children }];
}

/** A link; one without an address is its words, one without words is its address. */
function linkOf(address: string, children: readonly Inline[]): Inline[] {
  const url = cleaned(address).replaceAll(/\s/g, "%20");
  if (url === "") return [...children];
  return [{ type: "link", url, children: isWhite(children) ? [text(url)] : children }];
}

function isWhite(inlines: readonly Inline[]): boolean {
  return textOf(inlines).trim() === "";
}

/** The language of a fence: its first word, as long as it is one. */
function langOf(info: string): string {
  return /^[\w+#.-]{1,40}/.exec(info)?.[0] ?? "";
}
