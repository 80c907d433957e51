// API keys and tenants: created, listed, revoked, and looked up for each request through a small
// cache. A key is `troupe_<id>_<secret>`; the store has its hash only.

import { createHash, timingSafeEqual } from "node:crypto";
import {
  type ApiKey,
  type ApiKeyInput,
  keyRole,
  systemTables,
  systemTenant,
  type Tenant,
} from "../../actors/records/api-key.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { newId, systemRandom } from "../../runtime/id.ts";
import type { Tables } from "../../runtime/system.ts";
import { checkRole, type Grant, type Grantor, grantOf } from "./key-grants.ts";
import type { Principal } from "./route.ts";

/** Keys remembered at once, and for how long, ms: a revocation elsewhere is seen after that. */
export const KEY_CACHE_MAX = 10_000;
export const KEY_CACHE_MS = 5_000;
/** Rows of one page. */
export const PAGE_MAX = 200;

const SHAPE = /^troupe_([0-9a-z]{26})_([0-9a-z]{52})$/;
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const NO_HASH = "0".repeat(64);

/** A key as lists show it. */
export type ShownKey = Omit<ApiKey, "hash">;

/** Who changes a key. */
export type Reviser = Pick<Principal, "isServer" | "role" | "keyId">;

/** The server itself, which bounds nothing. */
const theServer: Grantor & Reviser = {
  isServer: true,
  role: "owner",
  keyId: null,
  allowedServices: ["*"],
  expiresAt: null,
};

/** Keys and tenants of one data folder. */
export interface KeyStore {
  /**
   * @param by who makes it, and has at least as much; default: the server.
   * @returns the record and, once, the key itself.
   * @throws NOT_FOUND for an unknown tenant, INVALID, FORBIDDEN for more than its maker has.
   */
  createKey(
    tenant: string,
    input: ApiKeyInput,
    by?: Grantor,
  ): Promise<{ readonly key: string; readonly record: ShownKey }>;
  listKeys(
    tenant: string,
    page: { readonly after?: string; readonly limit: number },
  ): Promise<readonly ShownKey[]>;
  /**
   * Revokes a key of a tenant; at once in this process.
   * @throws NOT_FOUND, FORBIDDEN for a key of a role that `by` does not manage, its own left aside.
   */
  revokeKey(tenant: string, id: string, by?: Reviser): Promise<ShownKey>;
  createTenant(input: { readonly name: string; readonly id?: string }): Promise<Tenant>;
  tenant(id: string): Promise<Tenant | undefined>;
  listTenants(page: {
    readonly after?: string;
    readonly limit: number;
  }): Promise<readonly Tenant[]>;
  /** The valid key behind a presented one, or null; unknown, expired and revoked look alike. */
  find(presented: string): Promise<ApiKey | null>;
  /** What `find` can answer from memory: a known key is never slowed by others' failures. */
  known(presented: string): ApiKey | null;
}

/** @param services every service of the server, from which the default of a new key is made. */
export function createKeyStore(options: {
  readonly tables: Tables;
  readonly services: readonly string[];
  readonly now?: () => number;
}): KeyStore {
  const { tables, now = Date.now } = options;
  const cache = new Map<string, CachedKey>();

  async function tenant(id: string): Promise<Tenant | undefined> {
    const row = await tables.get(systemTenant, systemTables.tenants, id);
    return row?.value as Tenant | undefined;
  }

  async function readKey(id: string): Promise<ApiKey | undefined> {
    const row = await tables.get(systemTenant, systemTables.apiKeys, id);
    return row && storedKey(row.value);
  }

  function cached(presented: string): ApiKey | null {
    const entry = cache.get(publicPart(presented));
    if (entry === undefined || !isSameText(presented, entry.presented)) return null;
    const nowMs = now();
    if (entry.untilMs > nowMs && isValid(entry.record, nowMs)) return entry.record;
    cache.delete(publicPart(presented));
    return null;
  }

  return {
    tenant,
    known: cached,
    createTenant: async ({ name, id = newId("tn", now()) }) => {
      const value: Tenant = { id, name, created_at: new Date(now()).toISOString() };
      const table = systemTables.tenants;
      await tables.write(systemTenant, [{ type: "put-if", table, id, value, revision: null }]);
      return value;
    },
    listTenants: async (page) => {
      const rows = await tables.list(systemTenant, systemTables.tenants, bounded(page));
      return rows.map((row) => row.value as Tenant);
    },
    createKey: async (tenantId, input, by = theServer) => {
      if ((await tenant(tenantId)) === undefined) {
        throw new RuntimeError("NOT_FOUND", `There is no tenant ${tenantId.slice(0, 80)}.`);
      }
      const grant = grantOf(input, by, { services: options.services, nowMs: now() });
      const made = makeKey(tenantId, input.name, grant, now());
      const { id } = made.record;
      await tables.write(systemTenant, [
        { type: "put-if", table: systemTables.apiKeys, id, value: made.record, revision: null },
        { type: "put", table: systemTables.keysByTenant, id: `${tenantId}.${id}`, value: { id } },
      ]);
      return { key: made.key, record: shown(made.record) };
    },
    listKeys: async (tenantId, page) => {
      const prefix = `${tenantId}.`;
      const { limit, after } = bounded(page);
      const rows = await tables.list(systemTenant, systemTables.keysByTenant, {
        prefix,
        limit,
        ...(after === undefined ? {} : { after: prefix + after }),
      });
      const records = await Promise.all(rows.map((row) => readKey(row.id.slice(prefix.length))));
      return records.flatMap((record) => (record === undefined ? [] : [shown(record)]));
    },
    revokeKey: async (tenantId, id, by = theServer) => {
      const record = await readKey(id);
      if (record === undefined || record.tenant !== tenantId) {
        throw new RuntimeError("NOT_FOUND", `There is no key ${id.slice(0, 80)}.`);
      }
      if (by.keyId !== id) checkRole(record.role, by, "");
      const value: ApiKey = {
        ...record,
        revoked_at: record.revoked_at ?? new Date(now()).toISOString(),
      };
      await tables.write(systemTenant, [{ type: "put", table: systemTables.apiKeys, id, value }]);
      for (const [part, entry] of cache) if (entry.record.id === id) cache.delete(part);
      return shown(value);
    },
    find: async (presented) => {
      const known = cached(presented);
      if (known !== null) return known;
      const id = SHAPE.exec(presented)?.[1];
      if (id === undefined) return null;
      const record = await readKey(`ak_${id}`);
      const isRight = isHashOf(presented, record?.hash ?? NO_HASH);
      if (record === undefined || !isRight || !isValid(record, now())) return null;
      if (cache.size >= KEY_CACHE_MAX) cache.clear();
      cache.set(publicPart(presented), { presented, record, untilMs: now() + KEY_CACHE_MS });
      return record;
    },
  };
}

/** SHA-256 of a key, hex. */
export function hashOfKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** Compares in a time that does not tell how much was right. */
export function isHashOf(presented: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashOfKey(presented)), Buffer.from(hash));
}

/** Compares texts in a time that depends on their length only. */
export function isSameText(left: string, right: string): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let at = 0; at < left.length; at += 1) {
    difference |= left.charCodeAt(at) ^ right.charCodeAt(at);
  }
  return difference === 0;
}

// A key proven lately, so that it costs no hash a request. It is found by the id inside it, which
// is no secret, and then compared as a whole in a time that does not tell how much was right.
interface CachedKey {
  readonly presented: string;
  readonly record: ApiKey;
  readonly untilMs: number;
}

/** "troupe_" and the id. */
const publicPart = (presented: string): string => presented.slice(0, 33);

function isValid(record: ApiKey, nowMs: number): boolean {
  if (record.revoked_at !== null) return false;
  return record.expires_at === null || Date.parse(record.expires_at) > nowMs;
}

function makeKey(
  tenant: string,
  name: string,
  grant: Grant,
  nowMs: number,
): { readonly key: string; readonly record: ApiKey } {
  const id = newId("ak", nowMs);
  let secret = "";
  for (const byte of systemRandom(52)) secret += ALPHABET[byte & 31];
  const key = `troupe_${id.slice(3)}_${secret}`;
  const record: ApiKey = {
    id,
    tenant,
    hash: hashOfKey(key),
    prefix: key.slice(0, 7 + 26 + 5),
    name,
    ...grant,
    revoked_at: null,
    created_at: new Date(nowMs).toISOString(),
  };
  return { key, record };
}

/** As it lies there, perhaps from an earlier release. */
function storedKey(value: unknown): ApiKey {
  const record = value as Omit<ApiKey, "role"> & { readonly role: string };
  return { ...record, role: keyRole(record.role) };
}

function shown(record: ApiKey): ShownKey {
  const { hash: _hash, ...rest } = record;
  return rest;
}

function bounded(page: { readonly after?: string; readonly limit: number }): {
  readonly after?: string;
  readonly limit: number;
} {
  return { ...page, limit: Math.min(PAGE_MAX, page.limit) };
}
