// Threads, as clients of these protocols name their conversations: which one here each of them is, and
// the run that answered it last where no conversation was kept. One row for a thread, written before its
// first message is accepted, so that a thread is found again after a crash.

import { createHash } from "node:crypto";
import { RuntimeError } from "../../../runtime/errors.ts";
import { newId } from "../../../runtime/id.ts";
import type { TableRow, Tables } from "../../../runtime/system.ts";

/** Table of a tenant's threads: id = SHA-256 of who is asked and the client's id. */
const table = "ui-threads";
/** Writers of one row at a time; more have something wrong with them. */
const TRIES_MAX = 5;

/** Which thread. The same id is another thread with another agent, and with another tenant. */
export interface ThreadOf {
  readonly tenant: string;
  /** Id of the agent, team or workflow. */
  readonly target: string;
  /** As the client names it. */
  readonly id: string;
  /** The user whom alone the client speaks for, whose threads are others than anybody else's. */
  readonly boundTo?: string | null | undefined;
}

/** A thread. */
export interface Thread {
  /** Id of its conversation, which may have no message yet. */
  readonly conversation: string;
  /** The last run that was answered from the client's own messages; null: none was. */
  readonly run: string | null;
}

/** The thread, or undefined for one that was never spoken in. */
export async function findThread(tables: Tables, of: ThreadOf): Promise<Thread | undefined> {
  return (await rowOf(tables, of))?.value as Thread | undefined;
}

/** The thread; a new one gets the id of a conversation that is still to be opened. */
export async function openThread(tables: Tables, of: ThreadOf, nowMs: number): Promise<Thread> {
  const fresh: Thread = { conversation: newId("cv", nowMs), run: null };
  return await changed(tables, of, (thread) => thread ?? fresh);
}

/** The thread with a new conversation, in place of one that was deleted. */
export async function reopenThread(
  tables: Tables,
  of: ThreadOf,
  { gone, nowMs }: { readonly gone: string; readonly nowMs: number },
): Promise<Thread> {
  const fresh: Thread = { conversation: newId("cv", nowMs), run: null };
  return await changed(tables, of, (thread) =>
    thread === undefined || thread.conversation === gone ? fresh : thread,
  );
}

/** Notes the run that answers the client's own messages. */
export async function noteRun(
  tables: Tables,
  of: ThreadOf,
  { run, nowMs }: { readonly run: string; readonly nowMs: number },
): Promise<void> {
  await changed(tables, of, (thread) => ({
    conversation: thread?.conversation ?? newId("cv", nowMs),
    run,
  }));
}

async function changed(
  tables: Tables,
  of: ThreadOf,
  change: (thread: Thread | undefined) => Thread,
): Promise<Thread> {
  for (let tries = 1; ; tries += 1) {
    const row = await rowOf(tables, of);
    const before = row?.value as Thread | undefined;
    const value = change(before);
    if (value === before) return value;
    const revision = row?.revision ?? null;
    try {
      const write = { type: "put-if", table, id: idOf(of), revision } as const;
      await tables.write(of.tenant, [{ ...write, value: { ...value } }]);
      return value;
    } catch (error) {
      // Another request for this thread was first: what it wrote is read.
      const isKnown = error instanceof RuntimeError && error.code === "REVISION_MISMATCH";
      if (!isKnown || tries >= TRIES_MAX) throw error;
    }
  }
}

async function rowOf(tables: Tables, of: ThreadOf): Promise<TableRow | undefined> {
  return await tables.get(of.tenant, table, idOf(of));
}

function idOf({ target, id, boundTo }: ThreadOf): string {
  const name = boundTo == null ? `${target}\n${id}` : JSON.stringify([target, id, boundTo]);
  return createHash("sha256").update(name).digest("hex");
}
