// The tags and texts of HTML, one after another, without a tree and without a stack of open elements:
// a hundred thousand of them nested cost no more than as many in a row.

import { Tokenizer } from "htmlparser2";

/** Attributes of a tag, names in lower case. */
export type Attributes = ReadonlyMap<string, string>;

/** Who reads them. Names are in lower case; a close may have no open, and an open no close. */
export interface TagReader {
  open(name: string, attributes: Attributes): void;
  close(name: string): void;
  /** A piece of text, its entities decoded. */
  text(text: string): void;
}

const ATTRIBUTES_MAX = 64;
const none: Attributes = new Map();

/** Reads all of a text. */
export function readTags(html: string, reader: TagReader): void {
  let tag = "";
  let attributes: Map<string, string> | undefined;
  let name = "";
  let value = "";
  const opened = (): void => {
    reader.open(tag, attributes ?? none);
    attributes = undefined;
  };
  const nothing = (): void => undefined;
  const tokenizer = new Tokenizer(
    { decodeEntities: true },
    {
      onopentagname(start, end) {
        tag = html.slice(start, end).toLowerCase();
      },
      onopentagend: opened,
      onselfclosingtag: opened,
      onclosetag: (start, end) => reader.close(html.slice(start, end).toLowerCase()),
      onattribname(start, end) {
        name = html.slice(start, end).toLowerCase();
        value = "";
      },
      onattribdata(start, end) {
        value += html.slice(start, end);
      },
      onattribentity(code) {
        value += String.fromCodePoint(code);
      },
      onattribend() {
        attributes ??= new Map();
        if (attributes.size < ATTRIBUTES_MAX && !attributes.has(name)) attributes.set(name, value);
      },
      ontext: (start, end) => reader.text(html.slice(start, end)),
      ontextentity: (code) => reader.text(String.fromCodePoint(code)),
      oncdata: nothing,
      oncomment: nothing,
      ondeclaration: nothing,
      onprocessinginstruction: nothing,
      onend: nothing,
    },
  );
  tokenizer.write(html);
  tokenizer.end();
}
