// EVERY key prefix of the system. A key is text: one letter for the family, then parts joined by
// "/" in an order that makes the common question one range. Parts are bounded: what a user
// supplies and is over 64 bytes becomes its SHA-256.

import { createHash } from "node:crypto";
import { type Address, addressParts, shardOfAddress } from "../address.ts";

const PART_BYTES_MAX = 64;
/** Sorts after every key that starts with the same prefix (keys are ASCII). */
const AFTER = "~";

/** A user-supplied part: itself when short and plain, else `#` and its SHA-256 in hex. */
export function keyPart(text: string): string {
  if (text.length <= PART_BYTES_MAX && /^[A-Za-z0-9_.@-]*$/.test(text)) return text;
  return `#${createHash("sha256").update(text).digest("hex")}`;
}

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";
/** Every pair of digits, by its value. */
const PAIRS = Array.from(
  { length: 36 * 36 },
  (_, at) => `${DIGITS[Math.floor(at / 36)]}${DIGITS[at % 36]}`,
);
const HIGH_CHARS = 7;
const LOW = PAIRS.length ** 2;
let lastHigh = -1;
let lastHighText = "";

/**
 * Fixed-width number that sorts: 11 characters of base 36, enough for 2^53. Numbers of one kind come
 * close together: writing a large one in base 36 costs a microsecond, its last four digits do not.
 */
export function keyNumber(value: number): string {
  const high = Math.floor(value / LOW);
  const low = Math.floor(value - high * LOW);
  if (high !== lastHigh) {
    lastHigh = high;
    lastHighText = high.toString(36).padStart(HIGH_CHARS, "0");
  }
  return `${lastHighText}${PAIRS[Math.floor(low / PAIRS.length)]}${PAIRS[low % PAIRS.length]}`;
}

function at(address: Address): string {
  return `${shardHex(shardOfAddress(address))}/${within(address)}`;
}

function within(address: Address): string {
  // `tenant/root/path` stands in the address as it does in the key, but for the empty path's slash.
  const colon = address.indexOf(":");
  const hasPath = address.indexOf("/", address.indexOf("/", colon) + 1) !== -1;
  return `${address.slice(colon + 1)}${hasPath ? ":" : "/:"}${address.slice(0, colon)}`;
}

/** Where memories lie: those of one user of one agent (`user` null: of all) under one name. */
export interface MemoryPlace {
  readonly tenant: string;
  /** `m` what is remembered, `h` messages of conversations. */
  readonly shelf: "m" | "h";
  readonly agent: string;
  readonly user: string | null;
  readonly collection: string;
}

/** No user is called so: a part has no "*". */
const NOBODY = "*";
const userPart = (user: string | null): string => (user === null ? NOBODY : keyPart(user));

function memoryAt({ tenant, shelf, agent, user, collection }: MemoryPlace): string {
  return `${tenant}/${shelf}/${keyPart(agent)}/${userPart(user)}/${keyPart(collection)}`;
}

/** Range of every key that starts with `prefix`. */
export function prefixRange(
  prefix: string,
  limit: number,
): { from: string; to: string; limit: number } {
  return { from: prefix, to: prefix + AFTER, limit };
}

/** Shard of a key of a family that is kept by shard. */
export function shardOfKey(key: string): number {
  return Number.parseInt(key.slice(2, 5), 16);
}

/** Address of the actor that an inbox row or a due reminder is for, from its key. */
export function addressOfKey(key: string): Address {
  // Both end with `tenant/root/path:kind/name`; a reminder's time and shard stand before that.
  const from = key.startsWith("d/") ? key.indexOf("/", key.indexOf("/", 6) + 1) + 1 : 6;
  const at = key.slice(from, key.lastIndexOf("/"));
  const colon = at.lastIndexOf(":");
  const [tenant = "", root = "", ...path] = at.slice(0, colon).split("/");
  const tail = path.filter((part) => part !== "").join("/");
  const head = `${at.slice(colon + 1)}:${tenant}/${root}`;
  return tail === "" ? head : `${head}/${tail}`;
}

const shardHex = (shard: number): string => shard.toString(16).padStart(3, "0");

/** Key builders, one a row family. What a start must find begins with its shard, as one range. */
export const keys = {
  /** Header of the data folder: format, shard count, boot counter. */
  header: "!header",
  /** Says that the work of a tenant rests, or that everything of it is being removed. */
  suspended: (tenant: string): string => `!suspended/${tenant}`,
  suspendedTenants: "!suspended/",
  /** Bytes that a tenant has stored in this environment, and which rows of it are counted. */
  bytes: (tenant: string): string => `!bytes/${tenant}`,
  bytesOfTenants: "!bytes/",
  counted: "!counted",
  /** Current epoch of a shard, written by the storage thread. */
  epoch: (shard: number): string => `e/${shardHex(shard)}`,
  /** Inbox row of an actor, in order of `sequence` (unique over all workers of the folder). */
  inbox: (address: Address, sequence: string): string => `i/${at(address)}/${sequence}`,
  inboxOf: (address: Address): string => `i/${at(address)}/`,
  inboxShard: (shard: number): string => `i/${shardHex(shard)}/`,
  /** What the inbox rows of a tenant's actors in a shard begin with. */
  inboxOfTenant: (shard: number, tenant: string): string => `i/${shardHex(shard)}/${tenant}/`,
  /** What the inbox rows of a root run of `parent` and of its children begin with; ":" or "/" follows. */
  inboxOfRun: (parent: Address, runId: string): string => {
    const { tenant, root } = addressParts(parent);
    return `i/${shardHex(shardOfAddress(parent))}/${tenant}/${root}/${runId}`;
  },
  // What an actor and the runs under it have stored lies side by side, in one family and without its
  // shard (nobody scans it by shard): a turn changes one page and not three, and conversations that
  // began together, whose ids sort by time, share pages too.
  /** State snapshot of an actor. */
  state: (address: Address): string => `a/${within(address)}/s`,
  /** Record appended by an actor under a key of its own. */
  record: (address: Address, key: string): string => `a/${within(address)}/r/${key}`,
  recordOf: (address: Address): string => `a/${within(address)}/r/`,
  /** Chunk of a root run's journal, in order of `chunk`. */
  journal: (runAddress: Address, chunk: number): string =>
    `a/${within(runAddress)}/j/${keyNumber(chunk)}`,
  journalOf: (runAddress: Address): string => `a/${within(runAddress)}/j/`,
  /** Row of a root run: status, address, times. `tenant` first so that no look-up crosses tenants. */
  run: (tenant: string, runId: string): string => `n/${tenant}/${keyPart(runId)}`,
  runsOf: (tenant: string): string => `n/${tenant}/`,
  /** A root run in the order (whole hours) in which runs ended: what retention trims. */
  runEnded: (hour: number, tenant: string, runId: string): string =>
    `r/${keyNumber(hour)}/${tenant}/${keyPart(runId)}`,
  /** Stands for all root runs of a tenant whose ids are of the hour in which they ended. */
  runsEndedIn: (hour: number, tenant: string): string => `r/${keyNumber(hour)}/${tenant}`,
  runsEndedBefore: (hour: number): { from: string; to: string } => ({
    from: "r/",
    to: `r/${keyNumber(hour)}/`,
  }),
  /** What a row in the order of ends is about: all runs of its hour when it names none. */
  ended: (key: string): { hour: number; tenant: string; run: string | null } => {
    const [, hour = "", tenant = "", run = null] = key.split("/");
    return { hour: Number.parseInt(hour, 36), tenant, run };
  },
  /** Mark of a run that has not ended, by shard: what a start must resume. */
  openRun: (shard: number, tenant: string, runId: string): string =>
    `o/${shardHex(shard)}/${tenant}/${runId}`,
  openRunsOf: (shard: number): string => `o/${shardHex(shard)}/`,
  /** Durable timer of an actor by name, and its place in the shard's time order. */
  reminder: (address: Address, name: string): string => `m/${at(address)}/${keyPart(name)}`,
  reminderDue: (shard: number, atMs: number, address: Address, name: string): string =>
    `d/${shardHex(shard)}/${keyNumber(atMs)}/${at(address)}/${keyPart(name)}`,
  remindersDueOf: (shard: number): string => `d/${shardHex(shard)}/`,
  /** Before every reminder of a shard that is due after `atMs`. */
  remindersDueUntil: (shard: number, atMs: number): string =>
    `d/${shardHex(shard)}/${keyNumber(atMs + 1)}`,
  /** Message that failed for good. */
  deadLetter: (tenant: string, id: string): string => `x/${tenant}/${id}`,
  deadLettersOf: (tenant: string): string => `x/${tenant}/`,
  /** Mark of an actor that is stopped; those of all tenants, one tenant after the other. */
  quarantine: (address: Address): string => `l/${within(address)}`,
  quarantined: "l/",
  quarantinedOf: (tenant: string): string => `l/${tenant}/`,
  /** Those of all tenants, one tenant after the other. */
  deadLetters: "x/",
  /** Outside message already seen: (tenant, source, SHA-256 of its key). */
  seen: (tenant: string, source: string, key: string): string =>
    `k/${tenant}/${keyPart(source)}/${createHash("sha256").update(key).digest("hex")}`,
  /** Expiry bucket (whole hours) of seen keys. */
  seenExpiry: (hour: number, tenant: string, source: string, key: string): string =>
    `y/${keyNumber(hour)}/${tenant}/${keyPart(source)}/${createHash("sha256").update(key).digest("hex")}`,
  /** The tenant and the seen key that an expiry row is about. */
  seenOfExpiry: (key: string): { tenant: string; seen: string } => {
    const at = key.indexOf("/", "y/".length) + 1;
    return { tenant: key.slice(at, key.indexOf("/", at)), seen: `k/${key.slice(at)}` };
  },
  /** Counter of the keys seen of a tenant, downwards from 0: its floor bounds them. */
  seenRoom: (tenant: string): string => `z/${tenant}`,
  /** Expiry rows of all hours before `hour`. */
  seenExpiredBefore: (hour: number): { from: string; to: string } => ({
    from: "y/",
    to: `y/${keyNumber(hour)}/`,
  }),
  /** Row of a tenant's table: agents, keys, conversations by agent, ledger ... */
  table: (tenant: string, table: string, id: string): string => `t/${tenant}/${table}/${id}`,
  tableOf: (tenant: string, table: string): string => `t/${tenant}/${table}/`,
  /** All tables of all tenants. */
  tables: "t/",
  /** Integer counter of a tenant: balance, usage. */
  counter: (tenant: string, name: string): string => `c/${tenant}/${keyPart(name)}`,
  // Families of `bulk`. Tenant and collection come first: no range crosses either.
  /** Head of a collection: how many changes its documents have had, and what they come to. */
  collectionHead: (tenant: string, collection: string): string =>
    `g/${tenant}/${keyPart(collection)}`,
  collectionHeads: "g/",
  /** Which edition of a collection counts; absent while there has been only one. */
  editions: (tenant: string, collection: string): string => `l/${tenant}/${keyPart(collection)}`,
  /** What one generation changed, so that an index reads only what is new. */
  change: (tenant: string, collection: string, generation: number): string =>
    `h/${tenant}/${keyPart(collection)}/${keyNumber(generation)}`,
  changesOf: (tenant: string, collection: string): string => `h/${tenant}/${keyPart(collection)}/`,
  /** Row of a document; it makes the document visible. */
  document: (tenant: string, collection: string, id: string): string =>
    `q/${tenant}/${keyPart(collection)}/${keyPart(id)}`,
  documentsOf: (tenant: string, collection: string): string =>
    `q/${tenant}/${keyPart(collection)}/`,
  /** Which document's chunks begin at a slot. */
  slot: (tenant: string, collection: string, first: number): string =>
    `p/${tenant}/${keyPart(collection)}/${keyNumber(first)}`,
  slotsOf: (tenant: string, collection: string): string => `p/${tenant}/${keyPart(collection)}/`,
  /** A write of a document that is not visible: under way, left by a crash, or replaced. */
  write: (tenant: string, collection: string, id: string, writeId: string): string =>
    `v/${tenant}/${keyPart(collection)}/${keyPart(id)}/${writeId}`,
  writesOf: (tenant: string, collection: string): string => `v/${tenant}/${keyPart(collection)}/`,
  /** Text of a document as one write left it. */
  documentText: (tenant: string, collection: string, id: string, writeId: string): string =>
    `w/${tenant}/${keyPart(collection)}/${keyPart(id)}/${writeId}`,
  documentTextsOf: (tenant: string, collection: string): string =>
    `w/${tenant}/${keyPart(collection)}/`,
  /** Chunk of a document as one write left it: text, headings, span and vector. */
  chunk: (tenant: string, collection: string, id: string, writeId: string, chunk: number): string =>
    `u/${tenant}/${keyPart(collection)}/${keyPart(id)}/${writeId}/${keyNumber(chunk)}`,
  chunksOf: (tenant: string, collection: string, id: string, writeId: string): string =>
    `u/${tenant}/${keyPart(collection)}/${keyPart(id)}/${writeId}/`,
  chunksIn: (tenant: string, collection: string): string => `u/${tenant}/${keyPart(collection)}/`,
  /** The index files of a collection that count. */
  segment: (tenant: string, collection: string): string => `s/${tenant}/${keyPart(collection)}`,
  /** Everything that is kept for an ingestion job: what was sent, and what was made of it so far. */
  jobKept: (tenant: string, job: string): string => `x/${tenant}/${job}/`,
  jobsKept: "x/",
  jobSource: (tenant: string, job: string, number: number): string =>
    `x/${tenant}/${job}/s/${keyNumber(number)}`,
  jobSourceBytes: (tenant: string, job: string, number: number, row: number): string =>
    `x/${tenant}/${job}/b/${keyNumber(number)}/${keyNumber(row)}`,
  jobSourceBytesOf: (tenant: string, job: string, number: number): string =>
    `x/${tenant}/${job}/b/${keyNumber(number)}/`,
  jobDocument: (tenant: string, job: string, number: number): string =>
    `x/${tenant}/${job}/d/${keyNumber(number)}`,
  /** What publishing a document of a job came to. */
  jobPublished: (tenant: string, job: string, number: number): string =>
    `x/${tenant}/${job}/o/${keyNumber(number)}`,
  jobDocumentsOf: (tenant: string, job: string): string => `x/${tenant}/${job}/d/`,
  jobUnitsOf: (tenant: string, job: string): string => `x/${tenant}/${job}/u/`,
  jobUnit: (tenant: string, job: string, unit: number): string =>
    `x/${tenant}/${job}/u/${keyNumber(unit)}`,
  jobReading: (tenant: string, job: string, unit: number): string =>
    `x/${tenant}/${job}/r/${keyNumber(unit)}`,
  jobPiece: (tenant: string, job: string, unit: number, piece: number): string =>
    `x/${tenant}/${job}/p/${keyNumber(unit)}/${keyNumber(piece)}`,
  jobPiecesOf: (tenant: string, job: string, unit: number): string =>
    `x/${tenant}/${job}/p/${keyNumber(unit)}/`,
  // Memory, in `bulk`: tenant, agent, user and collection are in every key that leads to a text.
  /** Head of one memory: what it holds, and the condition of every change. */
  memoryHead: (place: MemoryPlace): string => `b/a/${memoryAt(place)}`,
  /** Heads of one user's memories with an agent, of all of an agent, of all of a tenant. */
  memoryHeadsOf: (tenant: string, shelf: "m" | "h", agent?: string, user?: string | null): string =>
    [
      `b/a/${tenant}/${shelf}/`,
      ...(agent === undefined ? [] : [`${keyPart(agent)}/`]),
      ...(agent === undefined || user === undefined ? [] : [`${userPart(user)}/`]),
    ].join(""),
  /** Says that a user has a memory: users come before agents here. */
  memoryOfUser: ({ tenant, shelf, agent, user, collection }: MemoryPlace): string =>
    `b/u/${tenant}/${shelf}/${userPart(user)}/${keyPart(agent)}/${keyPart(collection)}`,
  memoriesOfUser: (tenant: string, shelf: "m" | "h", user: string | null): string =>
    `b/u/${tenant}/${shelf}/${userPart(user)}/`,
  memory: (place: MemoryPlace, id: string): string => `f/${memoryAt(place)}/${keyPart(id)}`,
  memoriesIn: (place: MemoryPlace): string => `f/${memoryAt(place)}/`,
  /** Where the entry with an id is. */
  memoryById: (tenant: string, id: string): string => `j/i/${tenant}/${keyPart(id)}`,
  /** An operation that was done, or a deletion that later writes must know of; and its expiry. */
  memoryDone: (place: MemoryPlace, operation: string): string =>
    `j/o/${memoryAt(place)}/${keyPart(operation)}`,
  memoryDoneExpiry: (hour: number, done: string): string => `j/e/${keyNumber(hour)}/${done}`,
  memoryDoneExpiredBefore: (hour: number): { from: string; to: string } => ({
    from: "j/e/",
    to: `j/e/${keyNumber(hour)}/`,
  }),
  /** The row that an expiry is about. */
  memoryDoneOf: (expiry: string): string => expiry.slice(expiry.indexOf("/", "j/e/".length) + 1),
} as const;
