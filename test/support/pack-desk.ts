// A tenant's packs without a door: the services over a real system, and everything that its tables hold.

import { createHash } from "node:crypto";
import type { Services } from "../../adapters/http/services/services.ts";
import { createPackService, type PackService } from "../../adapters/packs/pack-service.ts";
import type { PackRequest } from "../../adapters/packs/pack-source.ts";
import type { Tables, TableWrite } from "../../runtime/system.ts";
import { type HttpHost, startHttpHost } from "./http-host.ts";
import type { Answer } from "./wire-client.ts";

/** Tables of a tenant that a pack may touch. */
const tables = [
  ...["agents", "agent-versions", "agent-histories", "sub-agents", "sub-agent-versions"],
  ...["prompts", "tools", "skills", "teams", "workflows"].flatMap((name) => [
    name,
    `${name}-versions`,
    `${name}-histories`,
  ]),
  ...["collections", "collections-coming", "packs", "packs-by-name", "pack-versions"],
  ...["skill-trees", "skill-blobs", "skill-files", "skill-names", "skill-removals"],
  ...["ledger", "idempotency"],
];
const counters = [
  ...["agents", "prompts", "tools", "skills", "skill-bytes", "teams", "workflows", "packs"],
  "balance",
];
const PAGE = 200;

/** Packs under test. */
export interface PackDesk {
  readonly host: HttpHost;
  readonly services: Services;
  apply(source: string, more?: Partial<PackRequest>): Promise<Answer>;
  plan(source: string, more?: Partial<PackRequest>): Promise<Answer>;
  /** All rows and counters of the tenant, as one hash. */
  state(tenant?: string): Promise<string>;
  /** A service that writes to tables by way of `write`: what dies there, dies. */
  serviceOver(write: (writes: readonly TableWrite[], tenant: string) => Promise<void>): PackService;
}

/** Starts it. */
export async function startPackDesk(): Promise<PackDesk> {
  let services: Services | undefined;
  const host = await startHttpHost({
    routes: async (within) => {
      services = within.services;
      return [];
    },
  });
  if (services === undefined) throw new Error("The host made no services.");
  const of: Services = services;
  return {
    host,
    services: of,
    apply: (source, more = {}) => host.call("POST", "/v2/packs", { source, ...more }),
    plan: (source, more = {}) => host.call("POST", "/v2/packs/plan", { source, ...more }),
    state: async (tenant = host.tenant) => {
      const seen = createHash("sha256");
      for (const table of tables) {
        for (let after: string | undefined; ; ) {
          const page = { limit: PAGE, ...(after === undefined ? {} : { after }) };
          const rows = await host.system.tables.list(tenant, table, page);
          for (const row of rows) seen.update(JSON.stringify([table, row]));
          after = rows.at(-1)?.id;
          if (rows.length < PAGE) break;
        }
      }
      for (const name of counters) {
        seen.update(`${name} ${await host.system.tables.counter(tenant, name)}`);
      }
      return seen.digest("hex");
    },
    serviceOver: (write) => {
      const real = host.system.tables;
      const own: Tables = {
        get: (...args) => real.get(...args),
        list: (...args) => real.list(...args),
        counter: (...args) => real.counter(...args),
        write: async (tenant, writes, level) => {
          await write(writes, tenant);
          return await real.write(tenant, writes, level);
        },
      };
      const system = new Proxy(host.system, {
        get: (target, name) => {
          if (name === "tables") return own;
          const value: unknown = Reflect.get(target, name);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
      return createPackService({ ...of.packContext, system });
    },
  };
}
