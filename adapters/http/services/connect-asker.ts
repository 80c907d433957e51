// Who asks for an account, in words that the person who is to consent can judge: the tenant, and the key, the
// page or the run of an agent that the link was made for.

import { systemTables, systemTenant } from "../../../actors/records/api-key.ts";
import type { ConnectLink } from "../../../actors/records/token.ts";
import { targetPlace } from "../../../actors/targets.ts";
import type { System } from "../../../runtime/system.ts";

/** What they are looked up in. */
export type AskerParts = Pick<System, "tables" | "run">;

/** Names of a tenant and of what asks in it. */
export interface Asker {
  readonly tenant: string;
  readonly asker: string;
}

/** Looks them up; what is gone is named by its id. */
export async function askerOf(
  parts: AskerParts,
  tenant: string,
  link: Pick<ConnectLink, "by" | "run">,
): Promise<Asker> {
  const name = await nameOf(parts, systemTenant, systemTables.tenants, tenant);
  return { tenant: name ?? tenant, asker: await saidOf(parts, tenant, link) };
}

async function saidOf(
  parts: AskerParts,
  tenant: string,
  { by, run }: Pick<ConnectLink, "by" | "run">,
): Promise<string> {
  if (run !== undefined) {
    const row = await parts.run(tenant, run);
    const { agent } = (row?.input ?? {}) as { readonly agent?: unknown };
    const id = typeof agent === "string" ? agent : "";
    const known = id === "" ? null : await nameOf(parts, tenant, targetPlace(id).current, id);
    return `${known === null ? "A run" : `“${known}”`}, which waits for it (run ${run})`;
  }
  if (by === "operator") return "The operator of this server";
  const key = await nameOf(parts, systemTenant, systemTables.apiKeys, by);
  return key === null ? "An application with a sign-in of its own" : `The application “${key}”`;
}

/** The name that a row has, wherever rows of its table keep it. */
async function nameOf(
  { tables }: AskerParts,
  tenant: string,
  table: string,
  id: string,
): Promise<string | null> {
  const row = (await tables.get(tenant, table, id))?.value as Named | undefined;
  return row?.name ?? row?.agent?.name ?? row?.record?.name ?? null;
}

interface Named {
  readonly name?: string;
  readonly agent?: { readonly name?: string };
  readonly record?: { readonly name?: string };
}
