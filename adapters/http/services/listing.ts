// Lists of records: `q`, `sort` and a filter for each field that a table's listing names. A page goes
// on after a place in the order, not after a count, so that records that come, change and go meanwhile
// move no other record off or onto a page. A cursor is of its own question alone.

import { createHash } from "node:crypto";
import { setImmediate as nextPass } from "node:timers/promises";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { TableRow, Tables } from "../../../runtime/system.ts";
import { type Page, type PageRequest, pageOf, pageQuery, pageRequest } from "./paging.ts";
import {
  entryOf,
  type IndexEntry,
  type Listing,
  type PlacedEntry,
  type RecordIndex,
} from "./record-index.ts";
import {
  comparePlaces,
  firstAfter,
  fold,
  type ListPlace,
  type SortKey,
  sortKey,
} from "./record-order.ts";

/** A question to a list, with its page. */
export interface ListRequest {
  readonly page: PageRequest;
  /** Under which its cursors are made. */
  readonly list: string;
  /** Null: every record in order of creation. */
  readonly question: ListQuestion | null;
  /** Ids, in order, of the only records that there are for who asks; absent: all are. */
  readonly only?: readonly string[] | undefined;
}

/** What is wanted, and in which order. */
export interface ListQuestion {
  /** Folded words, each of which must occur. */
  readonly words: readonly string[];
  /** Per field the values of which one must be there; null is an unset field. */
  readonly filters: readonly (readonly [string, readonly SortKey[]])[];
  readonly sort: string;
  readonly isDescending: boolean;
}

const SEARCH_CHARS_MAX = 200;
/** Values of one filter. */
const VALUES_MAX = 20;
const VALUE_CHARS_MAX = 500;
/** Entries looked at in one go. */
const ENTRIES_AT_ONCE = 5_000;
const times = ["created_at", "updated_at"] as const;

/** Names of the query parameters of a list. */
export function listQuery(listing: Listing): readonly string[] {
  return [...pageQuery, "q", "sort", ...listing.filters];
}

/**
 * Reads the parameters of a list.
 * @param list names the list, as for `pageRequest`.
 * @throws INVALID naming the parameter.
 */
export function listRequest(query: URLSearchParams, list: string, listing: Listing): ListRequest {
  const question = questionOf(query, listing);
  if (question === null) return { page: pageRequest(query, list), list, question };
  const text = JSON.stringify(question);
  const digest = createHash("sha256").update(text).digest("base64url").slice(0, 16);
  const name = `${list}?${digest}`;
  return { page: pageRequest(query, name), list: name, question };
}

/** A page of a list. @throws CONFLICT when there are too many records for a question. */
export async function listRows(
  of: { readonly tables: Tables; readonly index: RecordIndex; readonly listing: Listing },
  tenant: string,
  { page, question, only }: Omit<ListRequest, "list">,
): Promise<Page<TableRow>> {
  const { tables, index, listing } = of;
  const { limit, after } = page;
  if (only !== undefined) return await listNamed(of, tenant, { page, question, only });
  if (question === null) {
    const range = { limit: limit + 1, ...(after === undefined ? {} : { after }) };
    const rows = await tables.list(tenant, listing.table, range);
    return pageOf(rows, limit, { id: (row) => row.id, item: (row) => row });
  }
  const ordered = await index.ordered(tenant, listing, question.sort);
  const found = await matching(ordered, question, limit + 1, placeOf(after));
  const shown = found.slice(0, limit);
  const rows = await Promise.all(shown.map(({ id }) => tables.get(tenant, listing.table, id)));
  // One that was removed or changed since it was looked up may be none that is asked for.
  const items = rows.filter(
    (row): row is TableRow => row !== undefined && fits(entryOf(listing, row), question),
  );
  const last = found.length > limit ? shown.at(-1) : undefined;
  return { items, next: last === undefined ? null : JSON.stringify([last.key, last.id]) };
}

/** A page of some records, which are few: they are read one by one, and ordered here. */
async function listNamed(
  { tables, listing }: { readonly tables: Tables; readonly listing: Listing },
  tenant: string,
  {
    page,
    question,
    only,
  }: { page: PageRequest; question: ListQuestion | null; only: readonly string[] },
): Promise<Page<TableRow>> {
  const { limit, after } = page;
  const rows = await namedRows(tables, { tenant, table: listing.table }, only);
  if (question === null) {
    const behind = rows.filter(({ id }) => after === undefined || id > after);
    return pageOf(behind, limit, { id: (row) => row.id, item: (row) => row });
  }
  const placed = rows.map((row) => {
    const entry = entryOf(listing, row);
    return { key: sortKey(entry.values[question.sort]), id: row.id, entry, row };
  });
  const ordered = placed.sort(comparePlaces);
  const found = await matching(ordered, question, limit + 1, placeOf(after));
  const place = ({ key, id }: PlacedEntry): string => JSON.stringify([key, id]);
  const { items, next } = pageOf(found, limit, { id: place, item: (one) => one.id });
  const byId = new Map(rows.map((row) => [row.id, row]));
  return { items: items.flatMap((id) => byId.get(id) ?? []), next };
}

/** Rows of some ids that are there, in the order of the ids. */
export async function namedRows(
  tables: Pick<Tables, "get">,
  { tenant, table }: { readonly tenant: string; readonly table: string },
  ids: readonly string[],
): Promise<readonly TableRow[]> {
  const rows = await Promise.all(ids.map((id) => tables.get(tenant, table, id)));
  return rows.filter((row): row is TableRow => row !== undefined);
}

/** How many of them are there. */
export async function countNamed(...of: Parameters<typeof namedRows>): Promise<number> {
  return (await namedRows(...of)).length;
}

/** In the question's order, from behind a place. */
async function matching(
  ordered: readonly PlacedEntry[],
  question: ListQuestion,
  count: number,
  place: ListPlace | null,
): Promise<readonly PlacedEntry[]> {
  const { isDescending } = question;
  const step = isDescending ? -1 : 1;
  let at = isDescending ? ordered.length - 1 : 0;
  if (place !== null) {
    const next = firstAfter(ordered, place);
    const own = ordered[next - 1];
    const isThere = own?.id === place.id && own.key === place.key;
    at = isDescending ? next - (isThere ? 2 : 1) : next;
  }
  const found: PlacedEntry[] = [];
  for (let seen = 1; found.length < count; seen += 1, at += step) {
    const placed = ordered[at];
    if (placed === undefined) break;
    if (fits(placed.entry, question)) found.push(placed);
    if (seen % ENTRIES_AT_ONCE === 0) await nextPass();
  }
  return found;
}

function fits({ text, values }: IndexEntry, { words, filters }: ListQuestion): boolean {
  return (
    words.every((word) => text.includes(word)) &&
    filters.every(([field, wanted]) => {
      const value = values[field];
      return Array.isArray(value)
        ? value.some((one) => wanted.includes(one))
        : wanted.includes((value ?? null) as SortKey);
    })
  );
}

function questionOf(query: URLSearchParams, listing: Listing): ListQuestion | null {
  const words = wordsOf(query.get("q") ?? "");
  const filters = listing.filters.flatMap((field) => {
    const given = query.getAll(field);
    return given.length === 0 ? [] : [[field, valuesOf(given, field, listing)] as const];
  });
  const given = query.get("sort") ?? "";
  const isDescending = given.startsWith("-");
  const sort = given === "" ? "created_at" : given.slice(isDescending ? 1 : 0);
  const sorts: readonly string[] = [...times, ...listing.sorts];
  if (!sorts.includes(sort)) {
    const names = sorts.join(", ");
    throw invalid(`sort must be one of ${names}, or one of them after a "-".`, "sort");
  }
  if (words.length === 0 && filters.length === 0 && given === "") return null;
  return { words, filters, sort, isDescending };
}

function wordsOf(text: string): readonly string[] {
  if (text.length > SEARCH_CHARS_MAX) {
    throw invalid(`q must have at most ${SEARCH_CHARS_MAX} characters.`, "q");
  }
  const words = fold(text).split(/\s+/);
  return [...new Set(words)].filter((word) => word !== "");
}

function valuesOf(
  given: readonly string[],
  field: string,
  { properties }: Listing,
): readonly SortKey[] {
  if (given.length > VALUES_MAX) {
    throw invalid(`${field} may be given at most ${VALUES_MAX} times.`, field);
  }
  const forms = formsOf(properties[field]);
  return given.map((text) => {
    if (text.length > VALUE_CHARS_MAX) {
      throw invalid(`${field} must have at most ${VALUE_CHARS_MAX} characters.`, field);
    }
    return valueIn(text, field, forms);
  });
}

interface Forms {
  readonly types: ReadonlySet<unknown>;
  /** The only texts there are; empty: any. */
  readonly words: readonly string[];
}

/** What a field may hold, by its schema: of a union all of it, of a list its items. */
function formsOf(schema: unknown): Forms {
  const types = new Set<unknown>();
  const words: string[] = [];
  const look = (one: unknown): void => {
    if (typeof one !== "object" || one === null) return;
    const { type, anyOf, items, const: word } = one as Readonly<Record<string, unknown>>;
    if (Array.isArray(anyOf)) anyOf.forEach(look);
    if (type === "array") look(items);
    else if (type !== undefined) types.add(word === undefined ? type : `one ${String(type)}`);
    if (typeof word === "string") words.push(word);
  };
  look(schema);
  return { types, words };
}

/** "" is an unset field. */
function valueIn(text: string, field: string, { types, words }: Forms): SortKey {
  if (text === "") return null;
  if (types.has("boolean") && (text === "true" || text === "false")) return text === "true";
  const isNumber = types.has("number") || types.has("integer");
  if (isNumber && Number.isFinite(Number(text))) return Number(text);
  if (types.has("string") || words.includes(text)) return text;
  const wanted = [
    ...words,
    ...(types.has("boolean") ? ["true", "false"] : []),
    ...(isNumber ? ["a number"] : []),
  ];
  throw invalid(`${field} must be ${wanted.join(" or ")}.`, field);
}

function placeOf(after: string | undefined): ListPlace | null {
  if (after === undefined) return null;
  try {
    const place: unknown = JSON.parse(after);
    if (Array.isArray(place) && typeof place[1] === "string") {
      return { key: place[0] as SortKey, id: place[1] };
    }
  } catch {
    // Said below.
  }
  throw invalid("cursor must be the next_cursor of an earlier page.", "cursor");
}

function invalid(message: string, parameter: string): RuntimeError {
  return new RuntimeError("INVALID", message, { parameter });
}
