// How log entries are stored. A run's log repeats the names of fields and its own id in every entry,
// and that was a third of what a short run stored: an entry is therefore a list, `[code, run, ...]`,
// of its fields at the places below, and a run is named by what its id has after its root's ("" for
// the root itself). When it was made stands before those fields, where its code says so: most entries have
// no fields at the last places, and a list holds all up to its last one.

import { RuntimeError } from "../errors.ts";
import { rootRunOf } from "../frame.ts";
import { decode, encode } from "../store/codec.ts";
import type { EntryTime, LogEntry } from "./log-entry.ts";

type Type = LogEntry["type"];
type FieldOf<T extends Type> = Exclude<
  keyof Extract<LogEntry, { type: T }>,
  "type" | "run" | keyof EntryTime
>;

/** Stored code of each type. A code is never given to another type. */
const CODES: Readonly<Record<Type, number>> = {
  child: 0,
  try: 1,
  step: 2,
  failed: 3,
  event: 4,
  cancel: 5,
  steer: 6,
  decide: 7,
  resumed: 8,
  end: 9,
  "at-end": 10,
  forked: 11,
};

/** Place of each field; a new field gets the next one. */
const PLACES: { readonly [T in Type]: Readonly<Record<FieldOf<T>, number>> } = {
  child: { parent: 0, key: 1, kind: 2, deadlineMs: 3, input: 4 },
  try: { key: 0, attempt: 1, untilMs: 2, sent: 3, sinceMs: 4 },
  step: { key: 0, attempt: 1, print: 2, result: 3, streamed: 4, sent: 5, atMs: 6 },
  failed: { key: 0, attempt: 1, print: 2, error: 3, atMs: 4 },
  event: { key: 0, event: 1 },
  cancel: { reason: 0 },
  steer: { value: 0 },
  decide: { key: 0, value: 1 },
  resumed: { incarnation: 0, mark: 1 },
  end: { outcome: 0, atMs: 1 },
  "at-end": { key: 0, to: 1, message: 2, unless: 3 },
  forked: {},
};

/** Fields that an entry need not have. */
const OPTIONAL: ReadonlySet<string> = new Set([
  "untilMs",
  "streamed",
  "sent",
  "sinceMs",
  "atMs",
  "unless",
  "mark",
]);
/** Added to the code of an entry with its times: a small number still, and no code is so large. */
const TIMED = 64;
/** The field that names another run. */
const RUN = "parent";

const TYPES = new Map(Object.entries(CODES).map(([type, code]) => [code, type as Type]));
/** Names of fields in order of their places. */
const FIELDS = new Map<Type, readonly string[]>(
  Object.entries(PLACES).map(([type, places]) => {
    const byPlace = Object.entries<number>(places).sort(([, a], [, b]) => a - b);
    return [type as Type, byPlace.map(([field]) => field)];
  }),
);

/** Bytes of one chunk of a log. */
export function encodeChunk(entries: readonly LogEntry[]): Uint8Array {
  return encode(packEntries(entries));
}

/** The entries as plain lists. */
export function packEntries(entries: readonly LogEntry[]): readonly unknown[] {
  return entries.map(packed);
}

/** The entries that `packEntries` was given, of the log of the root run `root`. @throws FOREIGN_DATA. */
export function unpackEntries(entries: readonly unknown[], root: string): LogEntry[] {
  return entries.map((entry) => unpacked(entry as readonly unknown[], root));
}

/** The entries of a chunk of the log of the root run `root`. @throws RuntimeError FOREIGN_DATA. */
export function decodeChunk(bytes: Uint8Array, root: string): LogEntry[] {
  return unpackEntries(decode(bytes) as readonly unknown[], root);
}

function packed(entry: LogEntry): unknown[] {
  const given = entry as unknown as Readonly<Record<string, unknown>>;
  const { afterMs, tookMs = 0 } = entry;
  const code = CODES[entry.type];
  const values: unknown[] =
    afterMs === undefined
      ? [code, suffixOf(entry.run)]
      : [code + TIMED, suffixOf(entry.run), afterMs, tookMs];
  for (const field of FIELDS.get(entry.type) ?? []) {
    values.push(field === RUN ? suffixOf(String(given[field])) : given[field]);
  }
  while (values.at(-1) === undefined) values.pop();
  return values;
}

function unpacked([stored, run, ...all]: readonly unknown[], root: string): LogEntry {
  const isTimed = Number(stored) >= TIMED;
  const code = isTimed ? Number(stored) - TIMED : Number(stored);
  const values = isTimed ? all.slice(2) : all;
  const type = TYPES.get(code);
  if (type === undefined) {
    throw new RuntimeError("FOREIGN_DATA", `A log entry is of type ${code}, unknown here.`);
  }
  const entry: Record<string, unknown> = { type, run: `${root}${run}` };
  if (isTimed) entry["afterMs"] = all[0];
  if (isTimed && all[1] !== 0) entry["tookMs"] = all[1];
  FIELDS.get(type)?.forEach((field, at) => {
    const value = values[at];
    if (value === undefined && OPTIONAL.has(field)) return;
    entry[field] = field === RUN ? `${root}${value}` : value;
  });
  return entry as unknown as LogEntry;
}

function suffixOf(run: string): string {
  return run.slice(rootRunOf(run).length);
}
