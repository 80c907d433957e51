// Whose row a key is: in every family the tenant is a part of the key, at a place of its own. What is
// removed or exported of a tenant is found by it, and a family that is not named here is refused, so
// that a new one cannot be forgotten.

import { SHARDS } from "../address.ts";
import { keys, prefixRange, shardOfKey } from "./keys.ts";
import type { Environment, Range, Reader } from "./store.ts";

/**
 * Which part of a key is the tenant, by family: parts are counted from the family's own letter, which
 * is 0. `null`: rows of the folder itself.
 */
const places: Readonly<Record<Environment, Readonly<Record<string, number | null>>>> = {
  hot: {
    "!header": null,
    "!counted": null,
    "!bytes": 1,
    "!suspended": 1,
    e: null,
    ...{ a: 1, c: 1, k: 1, l: 1, n: 1, t: 1, x: 1, z: 1 },
    // Kept by shard.
    ...{ i: 2, m: 2, o: 2 },
    // Kept by time.
    ...{ r: 2, y: 2, d: 4 },
  },
  bulk: {
    "!header": null,
    "!counted": null,
    "!bytes": 1,
    ...{ f: 1, g: 1, h: 1, l: 1, p: 1, q: 1, s: 1, u: 1, v: 1, w: 1, x: 1 },
    "b/a": 2,
    "b/u": 2,
    "j/i": 2,
    "j/o": 2,
    "j/e": 5,
  },
};

/** The tenant of a row; null for the folder's own. @throws Error for a family nobody knows. */
export function tenantOfKey(environment: Environment, key: string): string | null {
  const tenant = tenantOfRow(environment, key);
  if (tenant !== undefined) return tenant;
  throw new Error(`No family of ${environment} begins like "${key.split("/", 1)[0]}/".`);
}

/** The same; undefined for a family nobody knows. Asked of each row that is written: it makes one text. */
export function tenantOfRow(environment: Environment, key: string): string | null | undefined {
  const place = placeOf(environment, key);
  if (typeof place !== "number") return place;
  let from = 0;
  for (let part = 0; part < place; part += 1) {
    from = key.indexOf("/", from) + 1;
    if (from === 0) return null;
  }
  const to = key.indexOf("/", from);
  return to === -1 ? key.slice(from) : key.slice(from, to);
}

function placeOf(environment: Environment, key: string): number | null | undefined {
  const table = places[environment];
  const end = key.indexOf("/");
  const family = end === -1 ? key : key.slice(0, end);
  if (family in table) return table[family];
  return table[key.split("/", 2).join("/")];
}

/** Families of an environment, the folder's own left out. */
export function familiesOf(environment: Environment): readonly string[] {
  const all = Object.entries(places[environment]);
  return all.flatMap(([family, place]) => (place === null ? [] : [family]));
}

/** Keys read at once. */
const PAGE_ROWS = 200;
const DUE = "d/";

/**
 * Keys of all rows of a tenant, page by page (at most 200). Rows that are removed meanwhile are no
 * matter; those that are added may be missed. `!suspended`, which keeps its work at rest, is not among
 * them.
 */
export async function* keysOfTenant(
  reader: Reader,
  environment: Environment,
  tenant: string,
): AsyncGenerator<readonly string[]> {
  for (const [family, place] of Object.entries(places[environment])) {
    if (place === null || family.startsWith("!") || `${family}/` === DUE) continue;
    for await (const prefix of prefixes(reader, environment, { family, place, tenant })) {
      yield* found(reader, prefix);
    }
  }
  if (environment === "hot") yield* due(reader, tenant);
}

/** What the tenant's keys of a family begin with: one prefix, or one for each shard or hour. */
async function* prefixes(
  reader: Reader,
  environment: Environment,
  { family, place, tenant }: { family: string; place: number; tenant: string },
): AsyncGenerator<string> {
  const own = family.split("/").length;
  if (place === own) {
    yield `${family}/${tenant}`;
    return;
  }
  const { to } = prefixRange(`${family}/`, 1);
  // From one group to the next: what lies between, others' rows, is not looked at.
  for (let from = `${family}/`; ; ) {
    const [row] = await reader.range({ from, to, limit: 1 });
    if (row === undefined) return;
    const group = row.key.split("/").slice(0, place).join("/");
    if (tenantOfKey(environment, `${group}/${tenant}`) === tenant) yield `${group}/${tenant}`;
    from = prefixRange(`${group}/`, 1).to;
  }
}

/** The row that is called so, and those below it; never those of a tenant whose name begins alike. */
async function* found(reader: Reader, prefix: string): AsyncGenerator<readonly string[]> {
  if ((await reader.get(prefix)) !== undefined) yield [prefix];
  yield* pages(reader, prefixRange(`${prefix}/`, PAGE_ROWS));
}

/** What is due has its time before its tenant: all of it is looked at. */
async function* due(reader: Reader, tenant: string): AsyncGenerator<readonly string[]> {
  const { to } = prefixRange(keys.remindersDueOf(SHARDS - 1), 1);
  for (let shard = 0; shard < SHARDS; shard += 1) {
    const [row] = await reader.range({ from: keys.remindersDueOf(shard), to, limit: 1 });
    if (row === undefined) return;
    shard = shardOfKey(row.key);
    for await (const page of pages(reader, prefixRange(keys.remindersDueOf(shard), PAGE_ROWS))) {
      const own = page.filter((key) => tenantOfKey("hot", key) === tenant);
      if (own.length > 0) yield own;
    }
  }
}

async function* pages(reader: Reader, range: Range): AsyncGenerator<readonly string[]> {
  for (let { from } = range; ; ) {
    const rows = await reader.range({ ...range, from });
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map(({ key }) => key);
    if (rows.length < range.limit) return;
    from = `${last.key} `;
  }
}
