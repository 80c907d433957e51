// Which document has a slot, for the chunks that a search shows. A slot is never given twice, so what
// was read once stays true for as long as the slot counts: the next search that shows a chunk of the
// document reads the chunk's row alone.

import { keys } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { type DocumentRow, documentOf, type Place, slotOf } from "./rows.ts";

/** Documents remembered; when there are more, all are forgotten. */
const DOCUMENTS_MAX = 16_384;
/** Slots of one list: those of a short document lie in one or two. */
const SLOTS_A_LIST = 64;
/** Memory of a document: its object beside what it holds, which is twice as long as stored. */
const DOCUMENT_BYTES = 400;
const BYTES_PER_STORED = 2;

/** Documents by slot, read when they are first asked for. */
export class SlotPlaces {
  readonly #reader: Reader;
  readonly #place: Place;
  /** By slot over `SLOTS_A_LIST`; a document is in every list that it was found by. */
  readonly #lists = new Map<number, DocumentRow[]>();
  #documents = 0;
  #bytes = 0;

  constructor(reader: Reader, place: Place) {
    this.#reader = reader;
    this.#place = place;
  }

  /** Estimated memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The slot's document when it has been read before. */
  known(slot: number): DocumentRow | undefined {
    const documents = this.#lists.get(Math.floor(slot / SLOTS_A_LIST));
    return documents?.find((document) => has(document, slot));
  }

  /** Undefined when the slot's document was replaced. */
  async find(slot: number): Promise<DocumentRow | undefined> {
    const known = this.known(slot);
    if (known !== undefined) return known;
    const read = await this.#read(slot);
    if (read === undefined) return undefined;
    if (this.#documents >= DOCUMENTS_MAX) this.clear();
    const list = Math.floor(slot / SLOTS_A_LIST);
    const documents = this.#lists.get(list) ?? [];
    documents.push(read.document);
    this.#lists.set(list, documents);
    this.#documents += 1;
    this.#bytes += DOCUMENT_BYTES + read.bytes * BYTES_PER_STORED;
    return read.document;
  }

  clear(): void {
    this.#lists.clear();
    this.#documents = 0;
    this.#bytes = 0;
  }

  async #read(
    slot: number,
  ): Promise<{ readonly document: DocumentRow; readonly bytes: number } | undefined> {
    const { tenant, collection } = this.#place;
    const [at] = await this.#reader.range({
      from: keys.slotsOf(tenant, collection),
      to: keys.slot(tenant, collection, slot + 1),
      limit: 1,
      reverse: true,
    });
    if (at === undefined) return undefined;
    const { id, writeId } = slotOf(at.value);
    const stored = await this.#reader.get(keys.document(tenant, collection, id));
    const document = stored === undefined ? undefined : documentOf(stored);
    if (stored === undefined || document?.writeId !== writeId) return undefined;
    return has(document, slot) ? { document, bytes: stored.byteLength } : undefined;
  }
}

function has({ firstSlot, chunks }: DocumentRow, slot: number): boolean {
  return slot >= firstSlot && slot < firstSlot + chunks;
}
