// Which document of a unit is being read. A reader may take the whole process with it: libraries abort
// where one allocation is too large, and no limit of a thread is asked before. A document in whose time
// the process died several times is not read again, so that a job that is gone on with after a crash
// does not crash the next process too.

import type { IngestPlace } from "../../actors/ingestion/port.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { decode, encode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { StoreOp } from "../../runtime/store/store.ts";
import { unreadable } from "../parse/limits.ts";

/** Deaths of the process while one document was read. An operator's kill counts too: hence not one. */
export const deathsMax = 3;

interface Row {
  /** Its number in the job; null: none at the moment. */
  readonly now: number | null;
  /** By number. */
  readonly deaths: Readonly<Record<string, number>>;
}

/** The readings of one unit's preparation. */
export class Readings {
  readonly #bulk: Bulk;
  readonly #key: string;
  readonly #deaths: Readonly<Record<string, number>>;
  #isWritten: boolean;

  private constructor(bulk: Bulk, key: string, row: Row | undefined) {
    const { now = null, deaths = {} } = row ?? {};
    this.#bulk = bulk;
    this.#key = key;
    this.#deaths = now === null ? deaths : { ...deaths, [now]: (deaths[now] ?? 0) + 1 };
    this.#isWritten = row !== undefined;
  }

  static async of(bulk: Bulk, { tenant, job }: IngestPlace, unit: number): Promise<Readings> {
    const key = keys.jobReading(tenant, job, unit);
    const stored = await bulk.get(key);
    return new Readings(bulk, key, stored && (decode(stored) as Row));
  }

  /** @throws DOCUMENT_UNREADABLE for one that is not read any more, and what `read` throws. */
  async during<T>(number: number, read: () => Promise<T>): Promise<T> {
    const deaths = this.#deaths[number] ?? 0;
    if (deaths >= deathsMax) {
      const text = `The process ended ${deaths} times while the document was read, so it is not read again. Save it in a simpler form.`;
      throw unreadable("damaged", text);
    }
    await this.#write(number);
    try {
      return await read();
    } catch (error) {
      await this.#write(null);
      throw error;
    }
  }

  /** What forgets them, once the unit is prepared. */
  forgetting(): readonly StoreOp[] {
    return this.#isWritten ? [{ op: "remove", key: this.#key }] : [];
  }

  async #write(now: number | null): Promise<void> {
    const row: Row = { now, deaths: this.#deaths };
    await this.#bulk.commit([{ op: "put", key: this.#key, value: encode(row) }], "committed");
    this.#isWritten = true;
  }
}
