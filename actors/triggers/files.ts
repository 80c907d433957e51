// What a trigger of type `file_change` knows of the files that it watches: a record for each, written in the turn
// that puts what became of it into the ledger. Main says what it has seen, and from what it differs; what is known
// already changes nothing, so that each change is in the ledger once, whenever somebody dies.

import { createHash } from "node:crypto";
import type { ReadRequest, RecordRow, Turn } from "../../runtime/actor.ts";
import { fileEvents, type TriggerInput, triggerLimits } from "../records/trigger.ts";
import type { TriggerState } from "./state.ts";
import { hasRoom, occur } from "./work.ts";

/** By what a file is known again; numbers as texts, for they are longer than numbers are. */
export interface FileMark {
  readonly ino: string;
  readonly size: string;
  /** Nanoseconds. */
  readonly mtime: string;
  /** When it was made, ns; "0" where nobody knows. */
  readonly born: string;
}

/** A file as the trigger knows it. */
export interface FileKnown {
  /** Below the folder that is watched. */
  readonly path: string;
  readonly mark: FileMark;
}

/** What has become of one path; null: there is no file. */
export interface FileChange {
  readonly path: string;
  /** It had this one before. */
  readonly was?: string;
  readonly from: FileMark | null;
  readonly to: FileMark | null;
}

/** What main has seen. Without changes it asks how far the trigger is. Answered with FilesTold. */
export interface FilesSeen {
  readonly type: "files";
  /** Settings that it was seen with: `watchKey`. */
  readonly watch: string;
  /** The folder as tools are told of it. */
  readonly folder: string;
  /** At most `filesPerTurn`. */
  readonly changes: readonly FileChange[];
  /** Everything that was there before is known: what comes now is a change. */
  readonly isFirst?: boolean;
}

/** How far the trigger is. */
export interface FilesTold {
  /** Its settings now; null: it watches nothing. */
  readonly watch: string | null;
  /** Whether what was there at the beginning is known. */
  readonly isBased: boolean;
  /** So many changes, from the first, need not be told again; fewer than there were: no room for more. */
  readonly done: number;
}

/** One of the things that happen to a file. */
type FileEvent = (typeof fileEvents)[number];

/** What whoever works is told of one file. */
interface Told {
  readonly event: FileEvent;
  readonly path: string;
  readonly was?: string;
  readonly bytes?: number;
  readonly modified?: string;
}

/** Where records of files begin. */
export const FILES_FROM = "f.";
export const FILES_TO = "f/";
const HASH_CHARS = 24;
const hash = (text: string): string =>
  createHash("sha256").update(text).digest("hex").slice(0, HASH_CHARS);

/** Where records of files that lie in this folder itself begin. */
export const folderKey = (dir: string): string => `${FILES_FROM}${hash(dir)}.`;

/** Key of a file's record. */
export function fileKey(path: string): string {
  const cut = path.lastIndexOf("/");
  return `${folderKey(cut === -1 ? "" : path.slice(0, cut))}${hash(path.slice(cut + 1))}`;
}

/** What two settings have in common that watch the same files; null: a trigger that watches none. */
export function watchKey({ type, path, globs, recursive }: TriggerInput): string | null {
  if (type !== "file_change" || path === undefined) return null;
  return hash(JSON.stringify([path, globs ?? null, recursive ?? true]));
}

/** Whether nothing has happened to a file. */
export function isSameFile(one: FileMark | null, other: FileMark | null): boolean {
  if (one === null || other === null) return one === other;
  return one.ino === other.ino && one.size === other.size && one.mtime === other.mtime;
}

/** Records that a turn compares with. */
export function filesRead({ changes }: FilesSeen): Readonly<Record<string, ReadRequest>> {
  const reads: Record<string, ReadRequest> = {};
  for (const { path, was } of changes) {
    for (const each of was === undefined ? [path] : [path, was]) {
      const key = fileKey(each);
      reads[`file:${each}`] = { type: "records", from: key, to: `${key}.`, limit: 1 };
    }
  }
  return reads;
}

/** Files were seen to have changed. */
export function filesChanged(
  before: TriggerState,
  { watch, folder, changes, isFirst = false }: FilesSeen,
  record: TriggerInput | undefined,
  turn: Turn,
): TriggerState {
  const wanted = record === undefined ? null : watchKey(record);
  if (record === undefined || wanted !== watch) {
    turn.reply({ watch: wanted, isBased: false, done: 0 } satisfies FilesTold);
    return before;
  }
  const isKnown = before.files?.watch === watch;
  const isBased = isKnown && before.files?.isBased === true;
  const files = { watch, isBased: isBased || isFirst };
  const isNews = !isKnown || files.isBased !== isBased;
  const ledger = new Groups(isNews ? { ...before, files } : before, record);
  const fresh = new Fresh(turn);
  let done = 0;
  for (const change of changes) {
    if (isBased && !ledger.hasRoom()) break;
    done += 1;
    if (fresh.take(change) && isBased) ledger.add(folder, change, turn);
  }
  turn.reply({ watch, isBased: isBased || isFirst, done } satisfies FilesTold);
  return ledger.end(turn);
}

/** Records as they are, with what this turn has written. */
class Fresh {
  readonly #turn: Turn;
  readonly #written = new Map<string, FileMark | null>();

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  /** Writes what is new; what is not as it was said to have been is left. */
  take({ path, was, from, to }: FileChange): boolean {
    const isAsSaid = isSameFile(this.#known(was ?? path), from);
    if (!isAsSaid || (was !== undefined && this.#known(path) !== null)) return false;
    if (was === undefined && isSameFile(from, to)) return false;
    if (was !== undefined) this.#write(was, null);
    this.#write(path, to);
    return true;
  }

  #known(path: string): FileMark | null {
    const written = this.#written.get(path);
    if (written !== undefined) return written;
    const [row] = this.#turn.loaded[`file:${path}`] as readonly RecordRow[];
    return (row?.value as FileKnown | undefined)?.mark ?? null;
  }

  #write(path: string, mark: FileMark | null): void {
    this.#written.set(path, mark);
    if (mark === null) this.#turn.remove(fileKey(path));
    else this.#turn.put(fileKey(path), { path, mark } satisfies FileKnown);
  }
}

/** Changes that become occurrences, as many of them together as the record says. */
class Groups {
  #state: TriggerState;
  readonly #record: TriggerInput;
  readonly #most: number;
  #open: Told[] = [];
  #bytes = 0;

  constructor(state: TriggerState, record: TriggerInput) {
    this.#state = state;
    this.#record = record;
    this.#most = record.batch ?? triggerLimits.batchDefault;
  }

  /** Whether one more change finds its place: in the group that is open, or behind those that wait. */
  hasRoom(): boolean {
    return this.#open.length > 0 || hasRoom(this.#state, this.#record);
  }

  add(folder: string, change: FileChange, turn: Turn): void {
    for (const told of toldOf(folder, change, this.#record.events ?? fileEvents)) {
      const bytes = Buffer.byteLength(JSON.stringify(told)) + 1;
      if (this.#bytes + bytes > triggerLimits.dataBytes - triggerLimits.pathBytes)
        this.#close(turn);
      this.#open.push(told);
      this.#bytes += bytes;
      if (this.#open.length >= this.#most) this.#close(turn);
    }
  }

  end(turn: Turn): TriggerState {
    this.#close(turn);
    return this.#state;
  }

  #close(turn: Turn): void {
    if (this.#open.length === 0) return;
    const data = { changes: this.#open };
    const fields = { cause: "file_change", atMs: turn.nowMs, data } as const;
    this.#state = occur(this.#state, this.#record, fields, turn);
    this.#open = [];
    this.#bytes = 0;
  }
}

/** What is told of a change; of one that was renamed two things, where nobody asked for that. */
function toldOf(
  folder: string,
  { path, was, from, to }: FileChange,
  events: readonly FileEvent[],
): readonly Told[] {
  const place = (name: string) => ({ path: `${folder}/${name}` });
  const now = to === null ? {} : factsOf(to);
  const isRenamed = was !== undefined;
  if (isRenamed && events.includes("renamed")) {
    return [{ event: "renamed", ...place(path), was: `${folder}/${was}`, ...now }];
  }
  const all: Told[] = isRenamed
    ? [
        { event: "removed", ...place(was) },
        { event: "added", ...place(path), ...now },
      ]
    : [
        {
          event: from === null ? "added" : to === null ? "removed" : "changed",
          ...place(path),
          ...now,
        },
      ];
  return all.filter(({ event }) => events.includes(event));
}

function factsOf({ size, mtime }: FileMark): Pick<Told, "bytes" | "modified"> {
  const modifiedMs = Number(BigInt(mtime) / 1_000_000n);
  const isTime = Math.abs(modifiedMs) <= 8.64e15;
  return {
    bytes: Number(size),
    ...(isTime && { modified: new Date(modifiedMs).toISOString() }),
  };
}
