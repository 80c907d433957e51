// The row of a root run. It is a list: what its key says (tenant, id) is left out, and so is what its
// parent says, beside which it lies. When a run has ended and what it left is small, its log moves
// into the row: one row instead of several, in which a text that step, reply and event share stands
// once.

import type { Data, Fork, Outcome } from "../actor.ts";
import { type Address, addressParts } from "../address.ts";
import type { Asker } from "../message.ts";
import { decode, decodeFirst, encode } from "../store/codec.ts";
import { keys } from "../store/keys.ts";
import { packEntries, unpackEntries } from "./journal-codec.ts";
import type { LogEntry } from "./log-entry.ts";

/** What a root run's row holds; runtime/system.ts shows it to the door. */
export interface StoredRun {
  readonly id: string;
  readonly kind: string;
  readonly address: Address;
  readonly parent: Address;
  readonly status: "held" | "running" | Outcome["status"];
  readonly input: Data;
  readonly startedAt: number;
  readonly deadlineMs: number;
  readonly endedAt: number | null;
  readonly outcome: Data;
  readonly reply: Data;
  /** The run that waits for this one's answer. */
  readonly asker?: Asker;
  /** W3C traceparent of the message that started it. */
  readonly trace?: string;
  /** What its log begins with. */
  readonly fork?: Fork;
}

/** Bytes up to which row and log are one row: LMDB gives a larger one pages of its own. */
const MERGED_BYTES_MAX = 1_800;
/** An outcome without a result: what a completed run gave lies in its reply. */
const COMPLETED = 0;

/** The row's bytes. `log` as `mergedLog` takes it. */
export function encodeRun(row: StoredRun, log?: readonly LogEntry[]): Uint8Array {
  const { kind, root, path } = addressParts(row.parent);
  const { startedAt, deadlineMs, endedAt, asker, trace, id, fork } = row;
  const { tenant } = addressParts(row.parent);
  const values: unknown[] = [
    row.kind,
    kind,
    root,
    path === "" ? undefined : path,
    row.status,
    row.input,
    startedAt,
    deadlineMs - startedAt,
    endedAt === null ? undefined : endedAt - startedAt,
    row.outcome === null ? undefined : packedOutcome(row.outcome),
    row.reply === null ? undefined : row.reply,
    log === undefined ? undefined : packEntries(log),
    asker,
    trace,
    // A long id is in the key by its hash only.
    keys.run(tenant, id).endsWith(`/${id}`) ? undefined : id,
    fork,
  ];
  while (values.at(-1) === undefined) values.pop();
  return encode(values);
}

/** Bytes of row and log together; null when they are better kept apart. */
export function mergedRun(row: StoredRun, log: readonly LogEntry[]): Uint8Array | null {
  const bytes = encodeRun(row, log);
  return bytes.byteLength <= MERGED_BYTES_MAX ? bytes : null;
}

/** The kind of a row, without the rest of it. @throws RuntimeError FOREIGN_DATA. */
export const kindOfRun = (bytes: Uint8Array): string => String(decodeFirst(bytes));

/** The row under `key`. @throws RuntimeError FOREIGN_DATA. */
export function decodeRun(key: string, bytes: Uint8Array): StoredRun {
  const values = decode(bytes) as readonly unknown[];
  const [, , , path, status, input, , , endedAfterMs, outcome, reply, , asker, trace] = values;
  const [, tenant = "", keyId = ""] = key.split("/");
  const [kind, parentKind, root] = values as readonly string[];
  const [startedAt, timeoutMs] = [Number(values[6]), Number(values[7])];
  const id = (values[14] as string | undefined) ?? keyId;
  const fork = values[15] as Fork | undefined;
  return {
    id,
    kind: kind ?? "",
    address: `${kind}:${tenant}/${root}/${id}`,
    parent: `${parentKind}:${tenant}/${root}${path === undefined ? "" : `/${path}`}`,
    status: status as StoredRun["status"],
    input,
    startedAt,
    deadlineMs: startedAt + timeoutMs,
    endedAt: endedAfterMs === undefined ? null : startedAt + Number(endedAfterMs),
    outcome: unpackedOutcome(outcome),
    reply: reply === undefined ? null : reply,
    ...(asker === undefined ? {} : { asker: asker as Asker }),
    ...(trace === undefined ? {} : { trace: trace as string }),
    ...(fork === undefined ? {} : { fork }),
  };
}

/** The log in a row; null when it lies in chunks of its own, or has been trimmed. */
export function logInRow(bytes: Uint8Array, id: string): LogEntry[] | null {
  const log = (decode(bytes) as readonly unknown[])[11];
  return log === undefined ? null : unpackEntries(log as readonly unknown[], id);
}

function packedOutcome(outcome: Data): Data {
  const { status, result } = outcome as { readonly status?: unknown; readonly result?: unknown };
  return status === "completed" && result === null ? COMPLETED : outcome;
}

function unpackedOutcome(outcome: Data): Data {
  if (outcome === undefined) return null;
  return outcome === COMPLETED ? { status: "completed", result: null } : outcome;
}
