// What one change of a collection's documents writes, given the collection's head. Nothing is
// written here: writer.ts commits it together with the next head, or makes it anew.

import { RuntimeError } from "../../runtime/errors.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { encode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { StoreOp } from "../../runtime/store/store.ts";
import { isSamePin, mergedPin } from "./pin.ts";
import type { Write } from "./rows.ts";
import {
  type CollectionHead,
  type DocumentChange,
  type DocumentRow,
  documentOf,
  type EmbedderName,
  type Place,
  rowBytes,
  writeOf,
} from "./rows.ts";

/** A written document, to be made visible. */
export interface Publication extends Write {
  readonly title: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Number of chunks written. */
  readonly chunks: number;
  /** UTF-8 bytes of the text. */
  readonly bytes: number;
  /** Recognises the same content: of what was sent and how it is split. */
  readonly contentHash: string;
  /** A document that has the same content by then stays as it is, and this write is not its. */
  readonly isLeftIfSame?: true;
  /** Key of a row that tells what became of it, a `ToldRow`, written by the change itself. */
  readonly toldAt?: string;
  /** Of a document that is embedded anew: when it came and was changed. Default: now. */
  readonly times?: Pick<DocumentRow, "created_at" | "updated_at">;
}

/** What a change made of a document. Nobody can say it later: others may have changed it again. */
export interface ToldRow {
  /** Where it was made visible. */
  readonly edition: string;
  readonly status: "created" | "updated" | "unchanged";
}

/** What a change came to. */
export interface Published {
  /** Of the collection after the change. */
  readonly generation: number;
  readonly chunks: number;
  /** In the order given. `unchanged`: this very write was visible already, or its content. */
  readonly documents: readonly {
    readonly id: string;
    readonly status: "created" | "updated" | "unchanged" | "removed";
  }[];
}

/** Change rows that are kept; an index that is older than them starts anew. */
export const changesKept = 16_384;

/** A change to make. */
export interface Change {
  readonly head: CollectionHead;
  readonly documents: readonly Publication[];
  readonly removed?: readonly string[];
  readonly embedder?: EmbedderName;
  readonly nowMs: number;
}

/** What a change writes. */
export interface ChangePlan {
  /** Head after the change; null when nothing becomes visible by it. */
  readonly next: CollectionHead | null;
  readonly ops: readonly StoreOp[];
  readonly published: Published;
  /** Writes whose rows nobody needs once it is committed. */
  readonly replaced: readonly Write[];
}

/** @throws CONFLICT, NOT_FOUND, INVALID as `KnowledgeWriter.publish`. */
export async function publishOps(bulk: Bulk, place: Place, change: Change): Promise<ChangePlan> {
  checkHead(change);
  const draft = new Draft(place, change);
  for (const document of change.documents) await draft.put(bulk, document);
  for (const id of change.removed ?? []) await draft.remove(bulk, id);
  return draft.plan();
}

function checkHead({ head, documents, removed = [], embedder }: Change): void {
  if (head.isRemoved) throw new RuntimeError("NOT_FOUND", "The collection was removed.");
  const ids = new Set([...documents.map(({ documentId }) => documentId), ...removed]);
  if (ids.size < documents.length + removed.length) {
    throw new RuntimeError("INVALID", "One change names each document once.");
  }
  const pinned = head.embedder;
  if (pinned === null || embedder === undefined) return;
  if (isSamePin(pinned, embedder)) return;
  const isExchanged = pinned.id === embedder.id && pinned.dimension === embedder.dimension;
  const other = isExchanged ? "its other weights" : `${embedder.id} (${embedder.dimension})`;
  throw new RuntimeError(
    "CONFLICT",
    `The collection holds vectors of ${pinned.id} (${pinned.dimension} numbers), not of ${other}.`,
  );
}

class Draft {
  readonly #place: Place;
  readonly #change: Change;
  readonly #generation: number;
  readonly #ops: StoreOp[] = [];
  readonly #changes: DocumentChange[] = [];
  readonly #replaced: Write[] = [];
  readonly #done: Published["documents"][number][] = [];
  #nextSlot: number;
  #documents: number;
  #chunks: number;

  constructor(place: Place, change: Change) {
    const { generation, nextSlot, documents, chunks } = change.head;
    this.#place = place;
    this.#change = change;
    this.#generation = generation + 1;
    this.#nextSlot = nextSlot;
    this.#documents = documents;
    this.#chunks = chunks;
  }

  async put(bulk: Bulk, document: Publication): Promise<void> {
    const { tenant, collection } = this.#place;
    const { documentId: id, writeId, chunks } = document;
    const writeKey = keys.write(tenant, collection, id, writeId);
    const write = await bulk.get(writeKey);
    const before = await this.#stored(bulk, id);
    if (before?.writeId === writeId) {
      // A repeated call: its rows were written over with what they held.
      if (write !== undefined) this.#ops.push({ op: "swap", key: writeKey, expected: write });
      this.#done.push({ id, status: "unchanged" });
      return;
    }
    if (document.isLeftIfSame && before?.content_hash === document.contentHash) {
      this.#tell(document, "unchanged");
      return;
    }
    await checkWritten(bulk, this.#place, document);
    if (write === undefined || writeOf(write).since === 0) {
      throw new RuntimeError("CONFLICT", `The write ${writeId} of ${id} is not there any more.`);
    }
    this.#ops.push({ op: "swap", key: writeKey, expected: write });
    this.#takeOut(before);
    const firstSlot = this.#nextSlot;
    this.#nextSlot += chunks;
    this.#documents += 1;
    this.#chunks += chunks;
    const row = this.#row(document, before, firstSlot);
    this.#ops.push({
      op: "put",
      key: keys.document(tenant, collection, id),
      value: rowBytes(row),
    });
    if (chunks > 0) {
      this.#ops.push({
        op: "put",
        key: keys.slot(tenant, collection, firstSlot),
        value: rowBytes({ id, writeId, chunks }),
      });
    }
    this.#changes.push({ id, before: slotsOf(before), after: [firstSlot, chunks] });
    this.#tell(document, before === undefined ? "created" : "updated");
  }

  #tell({ documentId: id, toldAt: key }: Publication, status: ToldRow["status"]): void {
    this.#done.push({ id, status });
    if (key === undefined) return;
    const told: ToldRow = { edition: this.#place.collection, status };
    this.#ops.push({ op: "put", key, value: encode(told) });
  }

  async remove(bulk: Bulk, id: string): Promise<void> {
    const before = await this.#stored(bulk, id);
    if (before === undefined) return;
    const { tenant, collection } = this.#place;
    this.#takeOut(before);
    this.#ops.push({ op: "remove", key: keys.document(tenant, collection, id) });
    this.#changes.push({ id, before: slotsOf(before), after: null });
    this.#done.push({ id, status: "removed" });
  }

  plan(): ChangePlan {
    const { tenant, collection } = this.#place;
    const { head, embedder } = this.#change;
    const generation = this.#generation;
    const isChanged = this.#changes.length > 0;
    const next: CollectionHead | null = isChanged
      ? {
          generation,
          nextSlot: this.#nextSlot,
          documents: this.#documents,
          chunks: this.#chunks,
          embedder: embedder === undefined ? head.embedder : mergedPin(head.embedder, embedder),
        }
      : null;
    if (isChanged) {
      const key = keys.change(tenant, collection, generation);
      this.#ops.push({ op: "put", key, value: rowBytes(this.#changes) });
    }
    if (isChanged && generation > changesKept) {
      const key = keys.change(tenant, collection, generation - changesKept);
      this.#ops.push({ op: "remove", key });
    }
    return {
      next,
      ops: this.#ops,
      replaced: this.#replaced,
      published: {
        generation: next?.generation ?? head.generation,
        chunks: this.#chunks,
        documents: this.#done,
      },
    };
  }

  async #stored(bulk: Bulk, id: string): Promise<DocumentRow | undefined> {
    const { tenant, collection } = this.#place;
    const stored = await bulk.get(keys.document(tenant, collection, id));
    return stored === undefined ? undefined : documentOf(stored);
  }

  /** The version that stops to count; its rows wait as a write that nobody sees. */
  #takeOut(before: DocumentRow | undefined): void {
    if (before === undefined) return;
    const { tenant, collection } = this.#place;
    const { id, writeId, firstSlot, chunks } = before;
    this.#documents -= 1;
    this.#chunks -= chunks;
    if (chunks > 0) {
      this.#ops.push({ op: "remove", key: keys.slot(tenant, collection, firstSlot) });
    }
    this.#ops.push({
      op: "put",
      key: keys.write(tenant, collection, id, writeId),
      value: rowBytes({ id, writeId, since: this.#change.nowMs }),
    });
    this.#replaced.push({ documentId: id, writeId });
  }

  #row(document: Publication, before: DocumentRow | undefined, firstSlot: number): DocumentRow {
    const { documentId: id, writeId, title, metadata, chunks, bytes, contentHash } = document;
    const now = new Date(this.#change.nowMs).toISOString();
    const { created_at = before?.created_at ?? now, updated_at = now } = document.times ?? {};
    return {
      ...{ id, title, metadata, chunks, bytes, writeId, firstSlot },
      content_hash: contentHash,
      ...{ created_at, updated_at },
      generation: this.#generation,
    };
  }
}

const slotsOf = (row: DocumentRow | undefined): DocumentChange["before"] =>
  row === undefined ? null : [row.firstSlot, row.chunks];

/** A caller that lost count must not make half a document visible. */
async function checkWritten(bulk: Bulk, place: Place, document: Publication): Promise<void> {
  const { tenant, collection } = place;
  const { documentId, writeId, chunks } = document;
  const at = (number: number): string =>
    keys.chunk(tenant, collection, documentId, writeId, number);
  const text = await bulk.get(keys.documentText(tenant, collection, documentId, writeId));
  const last = chunks === 0 ? text : await bulk.get(at(chunks - 1));
  const more = await bulk.get(at(chunks));
  if (text !== undefined && last !== undefined && more === undefined) return;
  throw new RuntimeError(
    "CONFLICT",
    `The write ${writeId} of ${documentId} does not have its text and ${chunks} chunks.`,
  );
}
