// Reads `troupe.yaml` against the table of settings and says of everything it refuses where it
// stands, what was expected and which known name is nearest. Used by config.ts alone.

import type { Document, Node, ParsedNode } from "yaml";
import type {
  EntriesField,
  Field,
  Fields,
  NamedField,
  ReadNamed,
  TextField,
  TextListField,
} from "./config-field.ts";

/** Values as read; what the file does not set is absent. */
export type RawValues = { [name: string]: unknown };

/** What a file gave: its values, and one line for each thing that is wrong with it. */
export interface FileReading {
  readonly values: RawValues;
  readonly problems: readonly string[];
}

/** Largest configuration file, in bytes. */
export const FILE_BYTES_MAX = 256 * 1024;

/** `bodyBytesMax` as the file writes it. */
export function fileName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The known name that differs least from `name`, if it is near enough to be meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (best === undefined || distance < best.distance) best = { name: candidate, distance };
  }
  return best && best.distance <= Math.max(2, name.length * 0.4) ? best.name : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** What a value of a field must be, as people read it. */
export function expected(field: Field): string {
  switch (field.type) {
    case "integer": {
      const range = `an integer from ${field.minimum} to ${field.maximum}`;
      return field.unit === "port" ? range : `${range} (${field.unit})`;
    }
    case "choice":
      return `one of ${field.choices.join(", ")}`;
    case "flag":
      return "true or false";
    case "text":
      if (field.secret) return `a reference like $\{NAME} to an environment variable`;
      return field.expected ?? `a text of 1 to ${field.charsMax} characters`;
    case "texts":
      return field.secret
        ? `a list of at most ${field.itemsMax} references like $\{NAME} to environment variables`
        : `a list of at most ${field.itemsMax} texts`;
    case "group":
      return "settings, one a line, indented under it";
    case "entries":
      return `a list of at most ${field.itemsMax} entries`;
    case "named":
      return `at most ${field.itemsMax} entries by name, each with its fields indented under it`;
  }
}

/** Whether `value` is what a simple field wants. */
export function accepts(field: Field, value: unknown): boolean {
  switch (field.type) {
    case "integer":
      return (
        typeof value === "number" &&
        Number.isSafeInteger(value) &&
        value >= field.minimum &&
        value <= field.maximum
      );
    case "choice":
      return typeof value === "string" && field.choices.includes(value);
    case "flag":
      return typeof value === "boolean";
    case "text":
      return isText(field, value);
    default:
      return false;
  }
}

function isText(field: TextField, value: unknown): boolean {
  if (typeof value !== "string" || value.length === 0 || value.length > field.charsMax) {
    return false;
  }
  return field.pattern === undefined || field.pattern.test(value);
}

/** A short, safe form of what was found instead. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/**
 * Reads the text of a configuration file.
 * @param name as it is to stand in refusals.
 * @param env looked up for `${NAME}` references.
 */
export async function readConfigFile(
  name: string,
  text: string,
  fields: Fields,
  env: Readonly<Record<string, string | undefined>>,
): Promise<FileReading> {
  // Loaded here only: most starts have no file.
  const yaml = await import("yaml");
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => `${place(error.pos[0])}: ${error.message}`);
    return { values: {}, problems };
  }
  const reader = new Reader(yaml, document, place, env);
  const values = document.contents === null ? {} : reader.group(document.contents, fields, "");
  if (reader.named.length > 0) {
    const { readNamed } = await import("./config-named.ts");
    for (const one of reader.named) {
      const faults = await readNamed(one, env);
      for (const { path, said } of faults) reader.wrongAt([one.name, ...path], said);
    }
  }
  return { values, problems: reader.problems };
}

/** One pass over the parsed file. */
class Reader {
  readonly problems: string[] = [];
  readonly named: ReadNamed[] = [];
  readonly #yaml: typeof import("yaml");
  readonly #document: Document;
  readonly #place: (offset: number) => string;
  readonly #env: Readonly<Record<string, string | undefined>>;

  constructor(
    yaml: typeof import("yaml"),
    document: Document.Parsed<ParsedNode>,
    place: (offset: number) => string,
    env: Readonly<Record<string, string | undefined>>,
  ) {
    this.#yaml = yaml;
    this.#document = document;
    this.#place = place;
    this.#env = env;
  }

  group(of: unknown, fields: Fields, path: string): RawValues {
    const node = this.#resolved(of);
    const values: RawValues = {};
    if (!this.#yaml.isMap(node)) {
      this.#refuse(node, path || "the file", "settings like `port: 8080`", this.#valueOf(node));
      return values;
    }
    const names = new Map(Object.keys(fields).map((name) => [fileName(name), name]));
    for (const { key, value } of node.items) {
      const written = String(this.#valueOf(key));
      const name = names.get(written);
      const field = name === undefined ? undefined : fields[name];
      const at = path === "" ? written : `${path}.${written}`;
      if (name === undefined || field === undefined) this.#unknown(key, at, written, names);
      else if (!this.#isEmpty(value)) values[name] = this.#field(value, field, at);
    }
    return values;
  }

  #field(of: unknown, field: Field, path: string): unknown {
    const node = this.#resolved(of);
    if (field.type === "group") return this.group(node, field.fields, path);
    if (field.type === "entries") return this.#entries(node, field, path);
    if (field.type === "named") return this.#named(node, field, path);
    const value = this.#valueOf(node);
    if (field.type === "texts") {
      if (field.secret) return this.#secrets(node, path, field);
      const isList =
        Array.isArray(value) &&
        value.length <= field.itemsMax &&
        value.every((item) => typeof item === "string" && item.length <= field.charsMax);
      if (!isList) this.#refuse(node, path, expected(field), value);
      return isList ? value : [];
    }
    if (field.type === "text" && field.secret) return this.#secret(node, path, field, value);
    if (!accepts(field, value)) this.#refuse(node, path, expected(field), value);
    return value;
  }

  #entries(node: unknown, field: EntriesField, path: string): RawValues[] {
    if (!this.#yaml.isSeq(node) || node.items.length > field.itemsMax) {
      this.#refuse(node, path, expected(field), this.#valueOf(node));
      return [];
    }
    return node.items.map((item, at) => {
      const entry = this.group(item, field.fields, `${path}[${at}]`);
      for (const name of field.required) {
        if (entry[name] === undefined) this.#missing(item, `${path}[${at}]`, fileName(name));
      }
      return entry;
    });
  }

  #named(node: unknown, field: NamedField, path: string): object {
    const value = this.#valueOf(node);
    const entries = isMap(value) ? Object.entries(value) : [];
    if (
      !isMap(value) ||
      entries.length > field.itemsMax ||
      !entries.every(([, one]) => isMap(one))
    ) {
      this.#say(node, `${path}: expected ${expected(field)}`);
      return {};
    }
    const read = { field, name: path, entries: value as ReadNamed["entries"] };
    this.named.push(read);
    return read.entries;
  }

  /** Says it of a place, or of the nearest above it that is there. */
  wrongAt(path: readonly (string | number)[], said: string): void {
    for (let length = path.length; length >= 0; length -= 1) {
      const node = this.#document.getIn(path.slice(0, length), true);
      if (!this.#yaml.isNode(node)) continue;
      this.#say(node, `${path.join(".")}: ${said}`);
      return;
    }
  }

  #secrets(node: unknown, path: string, field: TextListField): string[] {
    if (!this.#yaml.isSeq(node) || node.items.length > field.itemsMax) {
      this.#say(node, `${path}: expected ${expected(field)}`);
      return [];
    }
    const item: TextField = { ...field, type: "text", default: null };
    return node.items.flatMap(
      (one, at) => this.#secret(one, `${path}[${at}]`, item, this.#valueOf(one)) ?? [],
    );
  }

  /** A literal is refused and not repeated in the message: it may be a real key. */
  #secret(node: unknown, path: string, field: TextField, value: unknown): string | undefined {
    const name = typeof value === "string" ? /^\$\{([A-Za-z_]\w*)\}$/.exec(value)?.[1] : undefined;
    if (name === undefined) {
      this.#say(node, `${path}: expected ${expected(field)}`);
      return undefined;
    }
    const secret = this.#env[name];
    if (!secret) this.#say(node, `${path}: the environment variable ${name} is not set`);
    return secret;
  }

  #unknown(key: unknown, at: string, written: string, names: ReadonlyMap<string, string>): void {
    const meant = nearest(written, [...names.keys()]);
    const hint = meant ? `did you mean "${meant}"?` : `known are ${[...names.keys()].join(", ")}`;
    this.#say(key, `unknown field "${at}"; ${hint}`);
  }

  #missing(node: unknown, path: string, name: string): void {
    this.#say(node, `${path}: the field "${name}" is missing`);
  }

  #refuse(node: unknown, path: string, wanted: string, found: unknown): void {
    this.#say(node, `${path}: expected ${wanted}, found ${shown(found)}`);
  }

  #say(node: unknown, problem: string): void {
    const range = this.#yaml.isNode(node) ? (node as Node).range : undefined;
    this.problems.push(`${this.#place(range?.[0] ?? 0)}: ${problem}`);
  }

  #resolved(node: unknown): unknown {
    return this.#yaml.isAlias(node) ? node.resolve(this.#document) : node;
  }

  #valueOf(node: unknown): unknown {
    return this.#yaml.isNode(node) ? node.toJS(this.#document, { maxAliasCount: 100 }) : node;
  }

  #isEmpty(node: unknown): boolean {
    const value = this.#resolved(node);
    return value === null || (this.#yaml.isScalar(value) && value.value === null);
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
