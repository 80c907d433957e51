// What a tenant has in a snapshot, part by part and as plain data: what an export of it is written from.
// Every family of keys is named here, as parts or with the reason why it is none.

import { SHARDS } from "../address.ts";
import { decodeChunk } from "../runs/journal-codec.ts";
import { decodeRun, logInRow } from "../runs/run-row.ts";
import { decode, decodeCounter } from "../store/codec.ts";
import { addressOfKey, keys } from "../store/keys.ts";
import type { Environment, Row } from "../store/store.ts";
import type { Snapshot, SnapshotPart } from "./snapshot.ts";

/** One part. `value` is plain data: bytes and dates may be in it. */
export interface TenantPart {
  readonly kind:
    | "record"
    | "counter"
    | "actor"
    | "actor-record"
    | "run"
    | "run-log"
    | "inbox"
    | "reminder"
    | "dead-letter"
    | "quarantined"
    | "collection"
    | "editions"
    | "document"
    | "job-row"
    | "memory-shelf"
    | "memory";
  /** Table of a record, address of an actor, parent of a run, collection of a document; "" for none. */
  readonly of: string;
  readonly id: string;
  readonly value: unknown;
}

/** Reads the parts of one family. */
type Parts = (part: SnapshotPart, tenant: string) => Iterable<TenantPart>;
/** Why a family is no part: nothing in it that is not in another one, or nothing that can be read. */
type Reason = string;

const ids = "Hashes of ids that were seen, kept for hours.";
const sum = "How many bytes it has stored, beside its limits in the header.";
const order = "An order of what is a part itself.";

/** By family, as runtime/store/tenant-rows.ts has them. */
const families: Readonly<Record<Environment, Readonly<Record<string, Parts | Reason>>>> = {
  hot: {
    "!bytes": sum,
    "!suspended": "Whether it is at rest: the header of an export says so.",
    t: function* (part, tenant) {
      const base = `t/${tenant}/`;
      for (const { key, value } of part.under(base)) {
        const [of, id] = halves(key.slice(base.length));
        yield { kind: "record", of, id, value: decode(value) };
      }
    },
    c: function* (part, tenant) {
      for (const { id, value } of below(part, `c/${tenant}/`)) {
        yield { kind: "counter", of: "", id, value: decodeCounter(value) };
      }
    },
    a: actorParts,
    n: function* (part, tenant) {
      for (const { id, key, value } of below(part, keys.runsOf(tenant))) {
        const run = decodeRun(key, value);
        const log = logInRow(value, run.id);
        yield { kind: "run", of: run.parent, id, value: log === null ? run : { ...run, log } };
      }
    },
    i: shardParts("i", "inbox"),
    m: shardParts("m", "reminder"),
    x: plainParts("x", "dead-letter"),
    l: plainParts("l", "quarantined"),
    k: ids,
    y: ids,
    z: ids,
    o: order,
    r: order,
    d: order,
  },
  bulk: {
    "!bytes": sum,
    g: plainParts("g", "collection"),
    l: plainParts("l", "editions"),
    q: documentParts,
    x: plainParts("x", "job-row"),
    "b/a": plainParts("b/a", "memory-shelf"),
    f: plainParts("f", "memory", "vector"),
    w: "Texts, which are in the documents.",
    u: "Pieces of the texts with their vectors: made of the documents.",
    p: order,
    h: order,
    v: "Writes that never became visible.",
    s: "Files of an index: made of the documents.",
    "b/u": order,
    "j/i": order,
    "j/o": ids,
    "j/e": ids,
  },
};

/** Families of an environment that are named here. */
export const familiesNamed = (environment: Environment): readonly string[] =>
  Object.keys(families[environment]);

/** All parts of a tenant, read as they are asked for; one row is in memory at a time. */
export function* tenantParts(snapshot: Snapshot, tenant: string): Iterable<TenantPart> {
  for (const part of snapshot.parts) {
    for (const parts of Object.values(families[part.environment])) {
      if (typeof parts === "function") yield* parts(part, tenant);
    }
  }
}

/** Rows of a table, decoded. */
export function* tableRows(
  { parts }: Snapshot,
  tenant: string,
  table: string,
): Iterable<{ readonly id: string; readonly value: unknown }> {
  for (const part of parts.filter(({ environment }) => environment === "hot")) {
    for (const { id, value } of below(part, keys.tableOf(tenant, table))) {
      yield { id, value: decode(value) };
    }
  }
}

/** `a/tenant/root/path:kind/` and then `s`, `r/...` or `j/chunk`. */
function* actorParts(part: SnapshotPart, tenant: string): Iterable<TenantPart> {
  for (const { key, value } of part.under(`a/${tenant}/`)) {
    const end = key.indexOf("/", key.indexOf(":"));
    // An inbox row has a shard before the same words, and its sequence after them.
    const of = addressOfKey(`i/000/${key.slice(2, end)}/`);
    const what = key.slice(end + 1);
    if (what === "s") yield { kind: "actor", of, id: "", value: decode(value) };
    else if (what.startsWith("r/")) {
      yield { kind: "actor-record", of, id: what.slice(2), value: decode(value) };
    } else {
      const run = of.slice(of.lastIndexOf("/") + 1);
      const id = String(Number.parseInt(what.slice(2), 36));
      yield { kind: "run-log", of, id, value: decodeChunk(value, run) };
    }
  }
}

function shardParts(family: "i" | "m", kind: TenantPart["kind"]): Parts {
  return function* (part, tenant) {
    for (let shard = 0; shard < SHARDS; shard += 1) {
      const prefix = `${family}/${shard.toString(16).padStart(3, "0")}/${tenant}/`;
      for (const { key, value } of part.under(prefix)) {
        const id = key.slice(key.lastIndexOf("/") + 1);
        yield { kind, of: addressOfKey(key), id, value: decode(value) };
      }
    }
  };
}

/** @param without a member of each value that is made of the others. */
function plainParts(family: string, kind: TenantPart["kind"], without?: string): Parts {
  return function* (part, tenant) {
    for (const { id: place, value } of below(part, `${family}/${tenant}/`)) {
      const cut = place.lastIndexOf("/");
      const of = cut === -1 ? "" : place.slice(0, cut);
      yield { kind, of, id: place.slice(cut + 1), value: omitted(decode(value), without) };
    }
  };
}

/** A document with its text, which lies under the write that made it visible. */
function* documentParts(part: SnapshotPart, tenant: string): Iterable<TenantPart> {
  for (const { id: place, key, value } of below(part, `q/${tenant}/`)) {
    const [of, id] = halves(place);
    const row = decode(value) as { readonly writeId: string };
    const text = part.get(`w/${key.slice(2)}/${row.writeId}`);
    yield { kind: "document", of, id, value: { ...row, text: text && decode(text) } };
  }
}

function* below(part: SnapshotPart, base: string): Iterable<Row & { readonly id: string }> {
  for (const { key, value } of part.under(base)) yield { key, value, id: key.slice(base.length) };
}

function halves(text: string): readonly [string, string] {
  const at = text.indexOf("/");
  return [text.slice(0, at), text.slice(at + 1)];
}

function omitted(value: unknown, member: string | undefined): unknown {
  if (member === undefined || typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== member));
}
