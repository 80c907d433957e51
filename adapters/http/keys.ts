// API keys and tenants: created, listed, changed, revoked, and looked up for each request through a small
// cache (key-cache.ts). What a key may do is decided in key-grants.ts, what its secret is in key-secret.ts.

import {
  type ApiKey,
  type ApiKeyInput,
  keyRole,
  systemTables,
  systemTenant,
  type Tenant,
} from "../../actors/records/api-key.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { newId } from "../../runtime/id.ts";
import type { TableRow, Tables } from "../../runtime/system.ts";
import { KeyCache } from "./key-cache.ts";
import { type Grantor, grantOf } from "./key-grants.ts";
import { isHashOf, keyIdOf, newSecret } from "./key-secret.ts";

/** Rows of one page. */
export const PAGE_MAX = 200;
/** Times a change is made anew because another one came between. */
const CHANGE_ATTEMPTS = 5;
const NO_HASH = "0".repeat(64);

/** A key as lists show it. Of its last use within a minute; null: never, or not since that is noted. */
export type ShownKey = Omit<ApiKey, "hash" | "previous"> & {
  readonly last_used_at: string | null;
  readonly previous: { readonly prefix: string; readonly valid_until: string } | null;
};

/** The server itself, which bounds nothing. */
const theServer: Grantor = {
  ...{ isServer: true, role: "owner", keyId: null },
  ...{ allowedServices: ["*"], expiresAt: null },
};

/** What a presented key is. */
export interface Looked {
  /** Null: it is wrong, unknown, expired or revoked. */
  readonly key: ApiKey | null;
  /** Whether there is a key of its id. */
  readonly isKnown: boolean;
}

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
   * Changes a key of a tenant from how it is stored; at once in this process. `change` may be called again
   * when another change came between, and throws what refuses it. @throws NOT_FOUND, CONFLICT.
   */
  changeKey(tenant: string, id: string, change: (from: ApiKey) => ApiKey): Promise<ShownKey>;
  createTenant(input: { readonly name: string; readonly id?: string }): Promise<Tenant>;
  tenant(id: string): Promise<Tenant | undefined>;
  listTenants(page: {
    readonly after?: string;
    readonly limit: number;
  }): Promise<readonly Tenant[]>;
  /** Looks at a presented key. */
  look(presented: string): Promise<Looked>;
  /** The valid key, as far as memory knows it: a known key is never slowed by others' failures. */
  known(presented: string): ApiKey | null;
  /** Every service that a key can be allowed. */
  readonly services: readonly string[];
  nowMs(): number;
}

/** @param services every service of the server, from which the default of a new key is made. */
export function createKeyStore(options: {
  readonly tables: Tables;
  readonly services: readonly string[];
  readonly now?: () => number;
}): KeyStore {
  const { tables, services, now = Date.now } = options;
  const cache = new KeyCache();
  const { look, known } = lookUps(tables, cache, now);
  const tenant = async (id: string): Promise<Tenant | undefined> =>
    (await tables.get(systemTenant, systemTables.tenants, id))?.value as Tenant | undefined;
  const shownOf = async (row: TableRow | undefined): Promise<ShownKey | undefined> =>
    row && shown(storedKey(row.value), await usedAt(tables, row.id));

  return {
    ...{ tenant, look, known, services, nowMs: now },
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
      const nowMs = now();
      const grant = grantOf(input, by, { services, nowMs });
      const id = newId("ak", nowMs);
      const { key, ...secret } = newSecret(id);
      const created_at = new Date(nowMs).toISOString();
      const names = { id, tenant: tenantId, name: input.name };
      const value: ApiKey = { ...names, ...secret, ...grant, revoked_at: null, created_at };
      await tables.write(systemTenant, [
        { type: "put-if", table: systemTables.apiKeys, id, value, revision: null },
        { type: "put", table: systemTables.keysByTenant, id: `${tenantId}.${id}`, value: { id } },
      ]);
      return { key, record: shown(value, null) };
    },
    listKeys: async (tenantId, page) => {
      const prefix = `${tenantId}.`;
      const { limit, after } = bounded(page);
      const from = after === undefined ? {} : { after: prefix + after };
      const list = { prefix, limit, ...from };
      const rows = await tables.list(systemTenant, systemTables.keysByTenant, list);
      const all = await Promise.all(
        rows.map(async (row) => shownOf(await keyRow(tables, row.id.slice(prefix.length)))),
      );
      return all.flatMap((one) => (one === undefined ? [] : [one]));
    },
    changeKey: async (tenantId, id, change) => {
      for (let attempt = 1; ; attempt += 1) {
        const row = await keyRow(tables, id);
        const from = row && storedKey(row.value);
        if (row === undefined || from?.tenant !== tenantId) {
          throw new RuntimeError("NOT_FOUND", `There is no key ${id.slice(0, 80)}.`);
        }
        const value = change(from);
        const { revision } = row;
        const put = { type: "put-if", table: systemTables.apiKeys, id, value, revision } as const;
        try {
          await tables.write(systemTenant, [put]);
          return shown(value, await usedAt(tables, id));
        } catch (error) {
          const isOvertaken = error instanceof RuntimeError && error.code === "REVISION_MISMATCH";
          if (!isOvertaken || attempt === CHANGE_ATTEMPTS) throw error;
        } finally {
          cache.forget(id);
        }
      }
    },
  };
}

function lookUps(
  tables: Tables,
  cache: KeyCache,
  now: () => number,
): Pick<KeyStore, "look" | "known"> {
  const known = (presented: string): ApiKey | null => cache.find(presented, now());
  return {
    known,
    look: async (presented) => {
      const cached = known(presented);
      if (cached !== null) return { key: cached, isKnown: true };
      const id = keyIdOf(presented);
      if (id === null) return { key: null, isKnown: false };
      const { changes } = cache;
      const row = await keyRow(tables, id);
      const record = row && storedKey(row.value);
      const nowMs = now();
      const untilMs = provenUntil(presented, record, nowMs);
      if (record === undefined || untilMs === null) {
        return { key: null, isKnown: record !== undefined };
      }
      if (changes === cache.changes) cache.keep(presented, record, { nowMs, untilMs });
      if (cache.isUseDue(id, nowMs)) noteUse(tables, id, nowMs);
      return { key: record, isKnown: true };
    },
  };
}

/** Until when this is the key of the record; null: it is not, or no longer. */
function provenUntil(presented: string, record: ApiKey | undefined, nowMs: number): number | null {
  const isCurrent = isHashOf(presented, record?.hash ?? NO_HASH);
  const isPrevious = isHashOf(presented, record?.previous?.hash ?? NO_HASH);
  if (record === undefined || !(isCurrent || isPrevious) || record.revoked_at !== null) return null;
  const ends = [
    record.expires_at,
    isCurrent ? null : (record.previous?.valid_until ?? null),
  ].flatMap((time) => (time === null ? [] : [Date.parse(time)]));
  const untilMs = Math.min(...ends, Number.POSITIVE_INFINITY);
  return untilMs > nowMs ? untilMs : null;
}

/** Not waited for, and no harm when it is lost. */
function noteUse(tables: Tables, id: string, nowMs: number): void {
  const row = { type: "put", table: systemTables.keysUsed, id, value: nowMs } as const;
  tables.write(systemTenant, [row], "committed").catch(() => undefined);
}

async function usedAt(tables: Tables, id: string): Promise<string | null> {
  const row = await tables.get(systemTenant, systemTables.keysUsed, id);
  return row === undefined ? null : new Date(row.value as number).toISOString();
}

const keyRow = (tables: Tables, id: string): Promise<TableRow | undefined> =>
  tables.get(systemTenant, systemTables.apiKeys, id);

/** As it lies there, perhaps from an earlier release. */
function storedKey(value: unknown): ApiKey {
  const record = value as Omit<ApiKey, "role"> & { readonly role: string };
  const allowed_resources = record.allowed_resources ?? null;
  return { ...record, role: keyRole(record.role), allowed_resources };
}

function shown(record: ApiKey, last_used_at: string | null): ShownKey {
  const { hash: _hash, previous, ...rest } = record;
  if (previous == null) return { ...rest, last_used_at, previous: null };
  const { prefix, valid_until } = previous;
  return { ...rest, last_used_at, previous: { prefix, valid_until } };
}

function bounded(page: { readonly after?: string; readonly limit: number }): {
  readonly after?: string;
  readonly limit: number;
} {
  return { ...page, limit: Math.min(PAGE_MAX, page.limit) };
}
