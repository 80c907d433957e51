// Dead letters as main reads them: pages from the newest to the oldest, of one tenant or of all.

import { RuntimeError } from "../errors.ts";
import { decode } from "../store/codec.ts";
import { keys, prefixRange } from "../store/keys.ts";
import type { Reader } from "../store/store.ts";
import type { DeadLetter, LetterPage } from "../system.ts";

/** Rows read before the event loop gets its turn. */
const SLICE_ROWS = 200;
const ID = /^[A-Za-z0-9_]{1,64}$/;

/** One page; see `System.deadLetters`. */
export async function listLetters(
  store: Reader,
  tenant: string | null,
  { after, limit, kind }: LetterPage,
): Promise<readonly DeadLetter[]> {
  if (!Number.isInteger(limit) || limit < 1 || limit > SLICE_ROWS) {
    throw new RuntimeError("INVALID", `A page has 1 to ${SLICE_ROWS} rows.`);
  }
  const base = tenant === null ? keys.deadLetters : keys.deadLettersOf(tenant);
  const range = prefixRange(base, SLICE_ROWS);
  const found: DeadLetter[] = [];
  const wanted = kind === undefined ? Math.min(limit, SLICE_ROWS) : SLICE_ROWS;
  let to = after === undefined || base + after > range.to ? range.to : base + after;
  while (to > range.from) {
    const rows = await store.range({ ...range, to, limit: wanted, reverse: true });
    for (const { value } of rows) {
      const letter = decode(value) as DeadLetter;
      if (kind === undefined || letter.kind === kind) found.push(letter);
      if (found.length === limit) return found;
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < wanted) break;
    to = last.key;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return found;
}

/** One letter. */
export async function readLetter(
  store: Reader,
  tenant: string,
  letter: string,
): Promise<DeadLetter | undefined> {
  if (!ID.test(letter)) return undefined;
  const bytes = await store.get(keys.deadLetter(tenant, letter));
  return bytes === undefined ? undefined : (decode(bytes) as DeadLetter);
}

/** There is no such letter, any more. */
export function unknownLetter(id: string): RuntimeError {
  const message = `There is no dead letter ${id.slice(0, 64)}: replayed, removed, dropped or never there.`;
  return new RuntimeError("NOT_FOUND", message);
}
