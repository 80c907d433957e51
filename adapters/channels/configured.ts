// Channels of the server's own configuration as records: made where they are new, changed where they differ, found
// by their names within their tenant. One that leaves the file is switched off and is the tenant's again.

import { type ChannelInput, channelKind } from "../../actors/channels/channel.ts";
import { systemTables, systemTenant } from "../../actors/records/api-key.ts";
import type { ResourceRow } from "../../actors/records/resource.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Tables, TableWrite } from "../../runtime/system.ts";
import type { NamedEntries } from "../config-field.ts";
import { inputOf } from "../http/resources/resource-service.ts";
import { agentListing } from "../http/services/agent-listing.ts";
import type { Caller } from "../http/services/agent-store.ts";
import type { Listing } from "../http/services/record-index.ts";
import { isSame } from "../http/services/same.ts";
import type { Services } from "../http/services/services.ts";
import { loadValidator, validate } from "../http/validate.ts";
import { ENTRY_TENANT, withoutEmpty } from "./entries.ts";
import { channelOf, type EntryFields, withAgentIds } from "./entry.ts";
import { adapterOf } from "./registry.ts";
import { CONFIGURED_BY, type ConfiguredMark, channelTables } from "./tables.ts";

/** What it works with. */
export interface ConfiguredParts {
  readonly tables: Tables;
  readonly services: Pick<Services, "resources" | "index">;
  /** Takes a secret out of the log from now on. */
  addSecret(secret: string): void;
}

const PAGE = 200;

interface Place {
  readonly tenant: string;
  readonly name: string;
}

/** Has the server keep them. @returns what is wrong, a line for each channel that is not as the file says. */
export async function applyConfigured(
  parts: ConfiguredParts,
  entries: NamedEntries,
): Promise<readonly string[]> {
  await loadValidator();
  const problems: string[] = [];
  const told = async (what: string, act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      const pointer = String(error.details?.["pointer"] ?? "");
      problems.push(`${what}${pointer.replaceAll("/", ".")}: ${error.message}`);
    }
  };
  const kept = new Set<string>();
  for (const [name, { tenant: of, ...fields }] of Object.entries(entries)) {
    const tenant = typeof of === "string" ? of : ENTRY_TENANT;
    kept.add(`${tenant}/${name}`);
    await told(`channels.${name}`, () => put(parts, { tenant, name }, withoutEmpty(fields)));
  }
  for (const { id, mark } of await marksOf(parts.tables)) {
    if (kept.has(`${mark.tenant}/${mark.name}`)) continue;
    await told(`channels.${mark.name}`, () => switchOff(parts, mark.tenant, id));
  }
  return problems;
}

async function put(parts: ConfiguredParts, place: Place, fields: EntryFields): Promise<void> {
  const { tables, services } = parts;
  const { tenant, name } = place;
  if ((await tables.get(systemTenant, systemTables.tenants, tenant)) === undefined) {
    throw new RuntimeError("NOT_FOUND", `There is no tenant ${tenant}.`, { pointer: "/tenant" });
  }
  const { kind: named, agent: wanted, ...others } = fields;
  const adapter = await adapterOf(typeof named === "string" ? named : name);
  const found = (name: string) => findAgent(services, tenant, name);
  const agent = await found(String(wanted));
  const rest = await withAgentIds(others, found);
  const input = channelOf({ name, agent, fields: rest }, adapter);
  for (const secret of Object.values(input.secrets ?? {})) parts.addSecret(secret);
  validate(channelKind.input, input);
  const { channels } = services.resources.kinds;
  const caller = callerIn(tenant);
  const before = await find(parts, place);
  if (before === null) {
    await channels.create(caller, input, null, async (id) => [markOf(id, place)]);
    return;
  }
  const { id, kind } = before.record;
  if (kind !== input.kind) {
    const message = `The tenant has a channel of this name of kind ${kind}: give this one another.`;
    throw new RuntimeError("CONFLICT", message);
  }
  // Before it is changed: from then on nobody else does.
  if ((await tables.get(systemTenant, channelTables.configured, id)) === undefined) {
    await tables.write(tenant, [markOf(id, place)]);
  }
  if (!isSame(inputOf(channelKind, before), input)) {
    await channels.replace(caller, id, input, null);
  }
}

/** The channel of a name; one that the configuration has made before others. */
async function find(
  { services, tables }: ConfiguredParts,
  { tenant, name }: Place,
): Promise<ResourceRow<ChannelInput> | null> {
  const { channels } = services.resources.kinds;
  const ids = await named(services, tenant, channels.listing, name);
  const marks = await Promise.all(
    ids.map((id) => tables.get(systemTenant, channelTables.configured, id)),
  );
  const own = ids.filter((_, at) => marks[at] !== undefined);
  const [id, ...others] = own.length > 0 ? own : ids;
  if (id === undefined) return null;
  if (others.length === 0) return await channels.get(tenant, id);
  const message = `The tenant has ${others.length + 1} channels of this name: give this one another.`;
  throw new RuntimeError("CONFLICT", message);
}

async function switchOff(parts: ConfiguredParts, tenant: string, id: string): Promise<void> {
  const { channels } = parts.services.resources.kinds;
  try {
    await channels.patch(callerIn(tenant), id, { is_active: false }, null);
  } catch (error) {
    // Gone with its tenant.
    if (!(error instanceof RuntimeError) || error.code !== "NOT_FOUND") throw error;
  }
  const mark = { type: "remove", table: channelTables.configured, id } as const;
  await parts.tables.write(systemTenant, [mark]);
}

async function findAgent(
  services: ConfiguredParts["services"],
  tenant: string,
  wanted: string,
): Promise<string> {
  if (/^(ag|tm|wf)_[A-Za-z0-9]{1,61}$/.test(wanted)) return wanted;
  const { teams, workflows } = services.resources.kinds;
  const listings = [agentListing, teams.listing, workflows.listing];
  const found = await Promise.all(
    listings.map((listing) => named(services, tenant, listing, wanted)),
  );
  const [id, ...others] = found.flat();
  if (id !== undefined && others.length === 0) return id;
  const message =
    id === undefined
      ? `There is no agent, team or workflow named "${wanted.slice(0, 100)}" in ${tenant}.`
      : `Several are named "${wanted.slice(0, 100)}" in ${tenant}: say which by its id.`;
  throw new RuntimeError("NOT_FOUND", message, { pointer: "/agent" });
}

async function named(
  { index }: ConfiguredParts["services"],
  tenant: string,
  listing: Listing,
  name: string,
): Promise<readonly string[]> {
  const all = await index.ordered(tenant, listing, "created_at");
  return all.filter(({ entry }) => entry.name === name).map(({ id }) => id);
}

async function marksOf(
  tables: Tables,
): Promise<readonly { readonly id: string; readonly mark: ConfiguredMark }[]> {
  const all: { readonly id: string; readonly mark: ConfiguredMark }[] = [];
  for (let after: string | undefined; ; ) {
    const page = { limit: PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await tables.list(systemTenant, channelTables.configured, page);
    all.push(...rows.map(({ id, value }) => ({ id, mark: value as ConfiguredMark })));
    after = rows.at(-1)?.id;
    if (rows.length < PAGE) return all;
  }
}

function markOf(id: string, { tenant, name }: Place): TableWrite {
  const value: ConfiguredMark = { tenant, name };
  return { type: "put", table: channelTables.configured, id, value, tenant: systemTenant };
}

function callerIn(tenant: string): Caller {
  return { tenant, keyId: null, service: CONFIGURED_BY, role: "server" };
}
