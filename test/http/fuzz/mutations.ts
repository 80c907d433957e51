// Good requests made wrong, from a seed: values of other types and sizes, fields gone, doubled, moved or
// unknown, paths and queries that name something else, headers that lie, bodies cut or no text at all.

import type { Wire } from "./wire.ts";

/** Gives numbers in [0, 1). */
type Random = () => number;

/** Changes of one request. */
const CHANGES_MAX = 3;
/** Long enough for every limit of a text that stands in a record, and short enough for many requests. */
const LONG_CHARS = 20_000;
const DEEP = 200;

const texts = [
  ...[
    "",
    " ",
    "\0",
    "null",
    "true",
    "0",
    "-1",
    "1e309",
    "NaN",
    "../../etc/passwd",
    "%00",
    "%2e%2e",
  ],
  ...[
    "\u202e\u200b",
    "\ud800",
    "😀".repeat(50),
    "\u0000\u0001\u007f",
    "ﬀ",
    "İ",
    "a\u0301".repeat(99),
  ],
  ...["__proto__", "constructor", "toString", "$ref", "{{x}}", "$HOME", "{{#each x}}", "=1+1"],
  ...[
    "cv_none",
    "ag_00000000000000000000000000",
    "tn_admin",
    "tn_system",
    "http://127.0.0.1/",
    "*",
  ],
  ...[
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "data: x\n\ndata: y",
    "a\r\nX-Evil: 1",
    "~",
    "/",
    ":",
  ],
  ...["(a+)+$", "x".repeat(300), "y".repeat(LONG_CHARS)],
];
const numbers = [0, -0, -1, 1, 0.1, 1e-9, 2 ** 31, 2 ** 53, -(2 ** 53), 1e21, 1e308, -1e308];
const names = [
  "__proto__",
  "constructor",
  "then",
  "toJSON",
  "id",
  "tenant",
  "unknown",
  "",
  "a/b~c",
];
const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"];
const headers: readonly (readonly [string, readonly string[]])[] = [
  ["Idempotency-Key", ["", "k", "k".repeat(4_000), '"quoted"', "\xff\xfe", "again"]],
  ["If-Match", ["*", '"1"', "W/x", "", '"999999999999999999999"', "x".repeat(2_000)]],
  ["Last-Event-ID", ["", "0", "rn_none", "x".repeat(2_000), "../..", "rn_1.1.1.1"]],
  ["Content-Type", ["text/plain", "application/json; charset=utf-16", "multipart/form-data", ""]],
  ["Content-Encoding", ["gzip", "br", "identity", "x"]],
  ["Accept", ["text/event-stream", "text/csv", "*/*;q=2", "x".repeat(2_000)]],
  ["X-Tenant", ["tn_admin", "tn_system", "tn_", "*", "tn_a/b"]],
  ["X-API-Key", ["", "troupe_", "x".repeat(5_000)]],
  ["Authorization", ["Bearer ", "Basic eDp5", "Bearer x.y.z"]],
  ["Origin", ["http://evil.example", "null"]],
  ["Host", ["evil.example", "127.0.0.1:1", ""]],
  ["Cookie", ["troupe_session=x", "a=b; ".repeat(500)]],
  ["X-Request-Id", ["x".repeat(3_000), "a\tb"]],
  ["A2A-Version", ["0.3", "9.9"]],
  ["MCP-Protocol-Version", ["2020-01-01", ""]],
];

/** Dice of one request. */
interface Dice {
  readonly random: Random;
  /** One of them. */
  of<T>(items: readonly T[]): T;
}

/** The request with one to three changes. The same random numbers make the same request. */
export function mutate(good: Wire, random: Random): Wire {
  const of = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const dice: Dice = { random, of };
  const times = 1 + Math.floor(random() * CHANGES_MAX);
  let wire = good;
  for (let change = 0; change < times; change += 1) wire = changed(wire, dice);
  return wire;
}

function changed(wire: Wire, dice: Dice): Wire {
  const { random, of } = dice;
  const roll = random();
  if (wire.body.length > 0 && roll < 0.6) return { ...wire, body: changedBody(wire.body, dice) };
  if (roll < 0.75) return { ...wire, path: changedPath(wire.path, dice) };
  if (roll < 0.9) {
    const [name, values] = of(headers);
    return { ...wire, headers: { ...wire.headers, [name]: of(values) } };
  }
  if (roll < 0.95) return { ...wire, method: of(methods) };
  const own = { "Content-Type": "application/json" };
  const body = Buffer.from(JSON.stringify(anything(dice, 2)));
  return { ...wire, headers: { ...wire.headers, ...own }, body };
}

function changedBody(body: Buffer, dice: Dice): Buffer {
  const { random, of } = dice;
  const parsed = random() < 0.85 ? parsedOrNull(body) : null;
  if (parsed !== null) return Buffer.from(JSON.stringify(changedValue(parsed, dice)));
  const at = Math.floor(random() * (body.length + 1));
  const [before, after] = [body.subarray(0, at), body.subarray(at)];
  return of<() => Buffer>([
    () => before,
    () => Buffer.concat([before, Buffer.from([0xff, 0xfe, 0x80]), after]),
    () => Buffer.concat([before, Buffer.from(of(['"', "{", "]", ",", "\\u", "\0"])), after]),
    () => Buffer.concat([body, body]),
    () => Buffer.from(`${'{"a":'.repeat(DEEP)}1${"}".repeat(DEEP)}`),
    () => Buffer.from("[".repeat(LONG_CHARS)),
    () => Buffer.alloc(0),
  ])();
}

function parsedOrNull(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return null;
  }
}

/** One place of a value, somewhere inside it, says something else. */
function changedValue(value: unknown, dice: Dice): unknown {
  const { random, of } = dice;
  const isInner = typeof value === "object" && value !== null;
  if (!isInner || random() < 0.15) return anything(dice, 3);
  if (Array.isArray(value)) {
    const at = Math.floor(random() * (value.length + 1));
    const one: unknown = value[at];
    return of<() => unknown>([
      () => value.toSpliced(at, 1, changedValue(one, dice)),
      () => value.toSpliced(at, 1),
      () => value.toSpliced(at, 0, one, one),
      () => Array.from({ length: 300 }, () => one ?? null),
    ])();
  }
  const fields = Object.entries(value);
  const at = Math.floor(random() * fields.length);
  const [name, inner] = fields[at] ?? ["", null];
  return of<() => unknown>([
    () => Object.fromEntries(fields.toSpliced(at, 1, [name, changedValue(inner, dice)])),
    () => Object.fromEntries(fields.toSpliced(at, 1, [name, changedValue(inner, dice)])),
    () => Object.fromEntries(fields.toSpliced(at, 1, [name, changedValue(inner, dice)])),
    () => Object.fromEntries(fields.toSpliced(at, 1)),
    () => Object.fromEntries([...fields, [of(names), anything(dice, 2)]]),
    () => Object.fromEntries(fields.toSpliced(at, 1, [of(names), inner])),
  ])();
}

function anything(dice: Dice, depth: number): unknown {
  const { of } = dice;
  return of<() => unknown>([
    () => of(texts),
    () => of(texts),
    () => of(numbers),
    () => of([null, true, false]),
    () => (depth === 0 ? [] : [anything(dice, depth - 1)]),
    () => (depth === 0 ? {} : { [of(names)]: anything(dice, depth - 1) }),
  ])();
}

/** Paths stay what an HTTP client can send: no blanks and no control characters. */
function changedPath(path: string, dice: Dice): string {
  const { random, of } = dice;
  const [before = "", query = ""] = path.split("?", 2);
  const segments = before.split("/");
  const at = 1 + Math.floor(random() * (segments.length - 1));
  const text = (): string => encoded(of(texts)).slice(0, 4_000);
  const withQuery = (more: string): string =>
    `${before}?${query === "" ? more : `${query}&${more}`}`;
  const parameter = of(["limit", "cursor", "q", "from", "tenant", "wait", "kind", "sort", "x"]);
  return of<() => string>([
    () => `${segments.toSpliced(at, 1, text()).join("/")}${query && `?${query}`}`,
    () => segments.toSpliced(at, 1).join("/") || "/",
    () => `${before}/${text()}`,
    () => withQuery(`${parameter}=${text()}`),
    () => withQuery(`${parameter}=%ff%fe`),
    () => withQuery("&&&=&%"),
    () => `${before}/%ff%c0`,
  ])();
}

function encoded(text: string): string {
  return encodeURIComponent(text.replaceAll(/[\ud800-\udfff]/g, "\ufffd"));
}
