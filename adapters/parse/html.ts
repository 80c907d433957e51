// HTML as text with structure: a stream of tags, never a tree. No
// scripts, no styles, no navigation, no hidden parts; of pictures only their words, and of links too
// unless their addresses are asked for.

import { charsetOf, type Decoded, decodeText } from "./decode.ts";
import { BlockOut } from "./html-blocks.ts";
import { type Attributes, readTags, type TagReader } from "./html-tokens.ts";
import { parseLimits } from "./limits.ts";
import { type Parsed, plainMetadata, titled } from "./parsed.ts";

const HEAD_BYTES = 4_096;
const META_CHARSET = /<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})/i;
const MAIN = /<main[\s>]|\srole=["']?main\b/i;

const skipped = new Set([
  ...["script", "style", "noscript", "template", "svg", "math", "canvas", "iframe", "object"],
  ...[
    "embed",
    "audio",
    "video",
    "nav",
    "menu",
    "dialog",
    "select",
    "datalist",
    "button",
    "textarea",
  ],
]);
/** Elements without an end. */
const voids = new Set([
  ...[
    "area",
    "base",
    "br",
    "col",
    "embed",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "source",
    "track",
  ],
  "wbr",
]);
const skippedRoles = new Set(["navigation", "search", "banner", "contentinfo", "menu", "dialog"]);
const blocks = new Set([
  ...[
    "p",
    "div",
    "section",
    "article",
    "main",
    "aside",
    "header",
    "footer",
    "address",
    "blockquote",
  ],
  ...["figure", "figcaption", "dl", "dt", "dd", "form", "fieldset", "details", "summary", "hr"],
  ...["body", "center", "caption", "legend", "label", "hgroup", "search"],
]);
/** What a reader can follow. */
const ADDRESS = /^(?:https?:\/\/|mailto:)\S+$/i;
const heading = /^h([1-6])$/;
const metaNames = new Map([
  ["author", "author"],
  ["article:author", "author"],
  ["description", "description"],
  ["og:description", "description"],
  ["keywords", "keywords"],
  ["date", "created"],
  ["article:published_time", "created"],
  ["article:modified_time", "modified"],
  ["og:site_name", "site"],
]);

/** An HTML file. */
export function parseHtml(bytes: Uint8Array, mediaType: string | undefined): Parsed {
  const decoded = decodeHtml(bytes, mediaType);
  const { text, title, metadata } = htmlText(decoded.text);
  return {
    text,
    ...titled(title),
    metadata: { encoding: decoded.encoding, ...plainMetadata(metadata) },
    warnings: decoded.warnings,
  };
}

/** HTML's text, title and what its head says. `hasAddresses`: a link is written `words (address)`. */
export function htmlText(
  html: string,
  { hasAddresses = false }: { readonly hasAddresses?: boolean } = {},
): {
  readonly text: string;
  readonly title: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
} {
  const reader = read(html, MAIN.test(html), hasAddresses);
  // A page may mark a main part and leave it empty.
  const used = reader.out.isEmpty && reader.isMainOnly ? read(html, false, hasAddresses) : reader;
  const { title, metadata, out } = used;
  return { text: out.toString(), title: title.trim() === "" ? out.firstHeading : title, metadata };
}

function decodeHtml(bytes: Uint8Array, mediaType: string | undefined): Decoded {
  const head = Buffer.from(bytes.subarray(0, HEAD_BYTES)).toString("latin1");
  return decodeText(bytes, charsetOf(mediaType) ?? META_CHARSET.exec(head)?.[1]);
}

function read(html: string, isMainOnly: boolean, hasAddresses: boolean): HtmlReader {
  const reader = new HtmlReader(isMainOnly, hasAddresses);
  readTags(html, reader);
  reader.out.end();
  return reader;
}

class HtmlReader implements TagReader {
  readonly out = new BlockOut();
  readonly isMainOnly: boolean;
  readonly metadata: Record<string, string> = {};
  title = "";
  /** The element that is left out with all in it, and how many of its name are open in it. */
  #skipped = "";
  #skippedDepth = 0;
  /** The same of the page's main part. */
  #main = "";
  #mainDepth = 0;
  #articles = 0;
  #isInTitle = false;
  readonly #hasAddresses: boolean;
  /** The link that is open: where it leads, and its words so far. */
  #link: { readonly address: string; words: string } | undefined;

  constructor(isMainOnly: boolean, hasAddresses: boolean) {
    this.isMainOnly = isMainOnly;
    this.#hasAddresses = hasAddresses;
  }

  open(name: string, attributes: Attributes): void {
    if (this.#skipped !== "") {
      if (name === this.#skipped) this.#skippedDepth += 1;
      return;
    }
    if (name === "html") this.metadata["language"] ??= attributes.get("lang") ?? "";
    if (name === "meta") this.#meta(attributes);
    if (name === "title" && this.title === "") this.#isInTitle = true;
    if (name === "article" || name === "main") this.#articles += 1;
    if (name === this.#main) this.#mainDepth += 1;
    else if (this.#main === "" && (name === "main" || attributes.get("role") === "main")) {
      this.#main = name;
      this.#mainDepth = 1;
    }
    if (this.#isLeftOut(name, attributes)) {
      if (voids.has(name)) return;
      this.#skipped = name;
      this.#skippedDepth = 1;
    } else if (this.#isWanted()) this.#open(name, attributes);
  }

  close(name: string): void {
    if (this.#skipped !== "") {
      if (name === this.#skipped) this.#skippedDepth -= 1;
      if (this.#skippedDepth === 0) this.#skipped = "";
      return;
    }
    if (name === "title") this.#isInTitle = false;
    if (name === "article" || name === "main") this.#articles -= 1;
    if (this.#isWanted()) this.#close(name);
    if (name === this.#main) this.#mainDepth -= 1;
    if (this.#mainDepth === 0) this.#main = "";
  }

  text(text: string): void {
    if (this.#skipped !== "") return;
    if (this.#isInTitle) this.title += text;
    else if (this.#isWanted()) {
      this.out.text(text);
      if (this.#link !== undefined) this.#link.words += text;
    }
  }

  /** Unless the page says which part is its own, all of it is. */
  #isWanted(): boolean {
    return !this.isMainOnly || this.#main !== "";
  }

  #isLeftOut(name: string, attributes: Attributes): boolean {
    if (skipped.has(name) || attributes.has("hidden")) return true;
    if (attributes.get("aria-hidden") === "true") return true;
    if (name === "footer" && this.#articles === 0) return true;
    return skippedRoles.has(attributes.get("role") ?? "");
  }

  #meta(attributes: Attributes): void {
    const name = (attributes.get("name") ?? attributes.get("property") ?? "").toLowerCase();
    const kept = metaNames.get(name);
    const content = attributes.get("content");
    if (kept !== undefined && content) this.metadata[kept] ??= content;
  }

  #open(name: string, attributes: Attributes): void {
    const level = heading.exec(name)?.[1];
    if (level !== undefined) this.out.startHeading(Number(level));
    else if (name === "br") this.out.lineBreak();
    else if (name === "a" && this.#hasAddresses) this.#startLink(attributes.get("href") ?? "");
    else if (name === "img") this.out.text(` ${attributes.get("alt") ?? ""} `);
    else if (name === "ul" || name === "ol")
      this.out.startList(name === "ol", attributes.get("start"));
    else if (name === "li") this.out.startItem();
    else if (name === "pre") this.out.startCode(languageOf(attributes));
    else if (name === "code") this.out.codeLanguage(languageOf(attributes));
    else if (name === "table") this.out.startTable();
    else if (name === "tr") this.out.startRow();
    else if (name === "td" || name === "th") this.out.startCell();
    else if (blocks.has(name)) this.out.endBlock();
  }

  #startLink(href: string): void {
    this.#endLink();
    const address = href.trim();
    if (address.length <= parseLimits.addressChars && ADDRESS.test(address))
      this.#link = { address, words: "" };
  }

  #endLink(): void {
    const { address, words } = this.#link ?? { address: "", words: "" };
    this.#link = undefined;
    const said = words.trim();
    const isSaid = address === said || address === `mailto:${said}`;
    if (said !== "" && !isSaid) this.out.text(` (${address})`);
  }

  #close(name: string): void {
    if (heading.test(name)) this.out.endBlock();
    else if (name === "a") this.#endLink();
    else if (name === "ul" || name === "ol") this.out.endList();
    else if (name === "li") this.out.endBlock();
    else if (name === "pre") this.out.endCode();
    else if (name === "table") this.out.endTable();
    else if (name === "tr") this.out.endRow();
    else if (name === "td" || name === "th") this.out.endCell();
    else if (blocks.has(name)) this.out.endBlock();
  }
}

function languageOf(attributes: Attributes): string {
  return (
    /\b(?:language|lang|highlight-source)-([\w+#-]{1,20})/.exec(
      attributes.get("class") ?? "",
    )?.[1] ?? ""
  );
}
