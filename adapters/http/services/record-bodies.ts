// Answers of records and pages of lists as the bytes that were sent, until something of them changes:
// to read, decode and write the same record again costs more than all else of a GET. Main alone
// writes the tables that are read here, and notes every write.

import type { HttpResponse } from "../server.ts";

/** Bytes of all answers together; those of tables that were not asked for longest go. */
const BYTES_MAX = 32 * 1024 * 1024;
/** A larger answer is made anew each time. */
const BODY_BYTES_MAX = 1024 * 1024;
/** Pages of one table; a client could ask for one after another. */
const PAGES_MAX = 200;
const KEY_CHARS_MAX = 500;
/** What an entry costs beside its bytes. */
const ENTRY_BYTES = 200;

/** Whose answers. */
export interface BodyPlace {
  readonly tenant: string;
  /** Table of the current rows. */
  readonly table: string;
}

interface Answer {
  readonly response: HttpResponse;
  readonly bytes: number;
}

/** Answers about one tenant's table. */
interface Shelf {
  readonly records: Map<string, Answer>;
  readonly pages: Map<string, Answer>;
  bytes: number;
}

/** Kept answers. */
export class RecordBodies {
  readonly #shelves = new Map<string, Shelf>();
  #bytes = 0;
  #changes = 0;

  /** A row was written, or may have been. */
  changed(tenant: string, table: string, id: string): void {
    this.#changes += 1;
    const shelf = this.#shelves.get(`${tenant}/${table}`);
    if (shelf === undefined) return;
    this.#drop(shelf, shelf.records, id);
    for (const key of shelf.pages.keys()) this.#drop(shelf, shelf.pages, key);
  }

  /** The answer on one record, made by `make` when it is not kept. */
  record(
    place: BodyPlace,
    id: string,
    make: () => Promise<HttpResponse>,
  ): HttpResponse | Promise<HttpResponse> {
    return this.#answer(place, "records", id, make);
  }

  /** A page of the list. @param query all that was asked, as text. */
  page(
    place: BodyPlace,
    query: string,
    make: () => Promise<HttpResponse>,
  ): HttpResponse | Promise<HttpResponse> {
    return this.#answer(place, "pages", query, make);
  }

  #answer(
    { tenant, table }: BodyPlace,
    kind: "records" | "pages",
    key: string,
    make: () => Promise<HttpResponse>,
  ): HttpResponse | Promise<HttpResponse> {
    const name = `${tenant}/${table}`;
    const known = this.#shelves.get(name)?.[kind].get(key);
    if (known !== undefined) return known.response;
    const changes = this.#changes;
    return make().then((made) => {
      // What was read before a change may be what it was before it.
      if (changes !== this.#changes || made.status !== 200 || !("body" in made)) return made;
      const body = typeof made.body === "string" ? Buffer.from(made.body) : made.body;
      const response = { ...made, body };
      const bytes = body.byteLength + ENTRY_BYTES + key.length;
      const fits = body.byteLength <= BODY_BYTES_MAX && key.length <= KEY_CHARS_MAX;
      if (fits) this.#keep(name, kind, key, { response, bytes });
      return response;
    });
  }

  #keep(name: string, kind: "records" | "pages", key: string, answer: Answer): void {
    const shelf = this.#shelves.get(name) ?? { records: new Map(), pages: new Map(), bytes: 0 };
    // Taken out and put in again: the map's order is the order in which they were added to.
    this.#shelves.delete(name);
    this.#shelves.set(name, shelf);
    const answers = shelf[kind];
    this.#drop(shelf, answers, key);
    answers.set(key, answer);
    shelf.bytes += answer.bytes;
    this.#bytes += answer.bytes;
    if (kind === "pages" && answers.size > PAGES_MAX) this.#dropOldest(shelf, answers);
    for (const [other, oldest] of this.#shelves) {
      if (this.#bytes <= BYTES_MAX) return;
      if (other !== name) {
        this.#shelves.delete(other);
        this.#bytes -= oldest.bytes;
      }
    }
    while (this.#bytes > BYTES_MAX && shelf.pages.size > 0) this.#dropOldest(shelf, shelf.pages);
    while (this.#bytes > BYTES_MAX) this.#dropOldest(shelf, shelf.records);
  }

  #dropOldest(shelf: Shelf, answers: Map<string, Answer>): void {
    const oldest = answers.keys().next().value;
    if (oldest !== undefined) this.#drop(shelf, answers, oldest);
  }

  #drop(shelf: Shelf, answers: Map<string, Answer>, key: string): void {
    const answer = answers.get(key);
    if (answer === undefined) return;
    answers.delete(key);
    shelf.bytes -= answer.bytes;
    this.#bytes -= answer.bytes;
  }
}
