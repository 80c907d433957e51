// Where secrets stand in rows of tables, and how they are sealed there: headers of tools and `secrets` of channels
// and triggers in records, their versions and answers that are kept for repeated requests, what webhooks are signed
// with, and what A2A clients gave to be told with.

import { auditKeysTable } from "../actors/records/audit.ts";
import { type Integration, integrationsTable } from "../actors/records/integration.ts";
import { type SealedSecret, tokenTables } from "../actors/records/token.ts";
import { HIDDEN, isSecretHeader } from "../actors/tools/secret-headers.ts";
import type { RowSeals } from "../runtime/system.ts";
import { channelTables } from "./channels/tables.ts";
import { isSealed, type SecretPlace, type Vault } from "./vault/vault.ts";
import { pushTable } from "./webhooks/push.ts";
import { webhookSecretsTable } from "./webhooks/secrets.ts";

type Fields = Readonly<Record<string, unknown>>;
/** Given a secret and whose it is, gives what stands in its place. */
type Mapping = (secret: string, place: SecretPlace) => string;

/** What secrets of a tool's headers are bound to beside their tenant. */
const TOOL_HEADERS = ":tool-headers";
const WEBHOOKS = ":webhooks";
const A2A_PUSH = ":a2a-push";
const AUDIT = ":audit";
const VERIFIERS = ":verifiers";
const GRANTS = ":grants";
const CHANNELS = ":channels";
const TRIGGERS = ":triggers";
const ENGINES = ":engines";
const TARGETS = ":targets";

/** Records with `secrets`: by the prefix of their ids what these are bound to beside their tenant. */
const secretRecords: Readonly<Record<string, string>> = {
  ...{ ch_: CHANNELS, tr_: TRIGGERS, en_: ENGINES, tg_: TARGETS },
};
/** Tables that have nothing but such records; most by name, whose schemas threads that seal do not load. */
const ofSecretRecords: ReadonlySet<string> = new Set([
  ...[channelTables.records, channelTables.versions, "triggers", "triggers-versions"],
  ...["engines", "engines-versions", "targets", "targets-versions"],
]);

/** Whose the secrets of a tool's headers are. */
export function toolHeaderPlace(tenant: string): SecretPlace {
  return { tenant, user: "", integration: TOOL_HEADERS };
}

/** Whose the secret of a tenant's webhooks is. */
export function webhookPlace(tenant: string): SecretPlace {
  return { tenant, user: "", integration: WEBHOOKS };
}

/** Whose the secrets of a tenant's A2A clients are. */
export function pushPlace(tenant: string): SecretPlace {
  return { tenant, user: "", integration: A2A_PUSH };
}

/** Whose the secret of a token is. */
export function tokenPlace(
  tenant: string,
  { user, integration }: Pick<SealedSecret, "user" | "integration">,
): SecretPlace {
  return { tenant, user, integration };
}

/** Whose the client secret of an integration is. */
export function clientSecretPlace(tenant: string, name: string): SecretPlace {
  return { tenant, user: "", integration: `:client-secret:${name}` };
}

/** The row with each secret mapped; the row itself where none is changed. */
export function mapSecrets(
  { tenant, table }: { readonly tenant: string; readonly table: string },
  value: unknown,
  mapping: Mapping,
): unknown {
  if (table === webhookSecretsTable) {
    const place = webhookPlace(tenant);
    return withMembers(value, {
      secret: (text) => mapping(text, place),
      previous: { secret: (text) => mapping(text, place) },
    });
  }
  if (table === auditKeysTable) {
    const place = { tenant, user: "", integration: AUDIT };
    return withMembers(value, { secret: (text) => mapping(text, place) });
  }
  if (table === pushTable) {
    const place = pushPlace(tenant);
    // "" says that there is none.
    const map = (text: string): string => (text === "" ? text : mapping(text, place));
    return withMembers(value, { token: map, authentication: { credentials: map } });
  }
  if (table === integrationsTable) {
    const place = clientSecretPlace(tenant, (value as Integration).name);
    return withMembers(value, { client_secret: (text) => mapping(text, place) });
  }
  if (table === tokenTables.secrets) {
    const place = tokenPlace(tenant, value as SealedSecret);
    return withMembers(value, { sealed: (text) => mapping(text, place) });
  }
  if (table === tokenTables.states) {
    const place = { tenant, user: "", integration: VERIFIERS };
    return withMembers(value, { verifier: (text) => mapping(text, place) });
  }
  if (table === tokenTables.grants) {
    const place = { tenant, user: "", integration: GRANTS };
    return withMembers(value, { granted: (text) => mapping(text, place) });
  }
  const bound = (integration: string) => (text: string) =>
    mapping(text, { tenant, user: "", integration });
  if (table === channelTables.kept) return withMembers(value, { value: bound(CHANNELS) });
  if (ofSecretRecords.has(table)) return withRecordSecrets(value, bound);
  // An answer that is kept for a repeated request may be the record that it made.
  if (isObject(value) && placeOf(value["result"]) !== null) {
    return withEach(value, (member) => withRecordSecrets(member, bound));
  }
  return withHeaders(value, (text) => mapping(text, toolHeaderPlace(tenant)));
}

/** What the tables of main seal and open. A text that is sealed already, for its place, stays. */
export function rowSeals(vault: Vault): RowSeals {
  return {
    seal: (tenant, table, value) =>
      mapSecrets({ tenant, table }, value, (text, place) =>
        isOpened(vault, place, text) ? text : vault.seal(place, text),
      ),
    open: (tenant, table, value) => {
      // Whoever wants the secret of a token opens it.
      if (table === tokenTables.secrets) return value;
      return mapSecrets({ tenant, table }, value, (text, place) =>
        isSealed(text) ? vault.open(place, text) : text,
      );
    },
  };
}

/** Opens a header of a tool as it is stored: sealed, or in clear where it was stored before there was a vault. */
export function headerOpener(vault: Vault): (tenant: string, stored: string) => string {
  return (tenant, stored) =>
    isSealed(stored) ? vault.open(toolHeaderPlace(tenant), stored) : stored;
}

/** A row with its secrets as they should be stored; the value itself where they are. @throws SECRET_UNREADABLE. */
export function renewedRow(
  vault: Vault,
): (row: { readonly tenant: string; readonly table: string; readonly value: unknown }) => unknown {
  return ({ value, ...of }) =>
    mapSecrets(of, value, (text, place) => {
      if (!isSealed(text)) return vault.seal(place, text);
      return vault.rewrapped(place, text) ?? text;
    });
}

/** Whether it was sealed here: another text that only looks so is a secret like any other. */
function isOpened(vault: Vault, place: SecretPlace, text: string): boolean {
  if (!isSealed(text)) return false;
  try {
    vault.open(place, text);
    return true;
  } catch {
    return false;
  }
}

/** Secret headers of every tool's `config` in a value. */
function withHeaders(value: unknown, map: (text: string) => string): unknown {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return withItems(value, (item) => withHeaders(item, map));
  if (value instanceof Date) return value;
  return withEach(value as Fields, (member, name) => {
    if (name === "config" && isObject(member)) return withConfig(member, map);
    return withHeaders(member, map);
  });
}

function withConfig(config: Fields, map: (text: string) => string): unknown {
  const { headers } = config;
  if (!isObject(headers)) return withHeaders(config, map);
  const mapped = withEach(headers, (value, name) => {
    const isSecret = typeof value === "string" && value !== HIDDEN && value !== "";
    return isSecret && isSecretHeader(name, config) ? map(value) : value;
  });
  return mapped === headers ? config : { ...config, headers: mapped };
}

/** Secrets of a record that has some. */
function withRecordSecrets(
  row: unknown,
  bound: (integration: string) => (text: string) => string,
): unknown {
  const integration = placeOf(row);
  if (integration === null) return row;
  const { record } = row as SecretRow;
  const map = bound(integration);
  const secrets = withEach(record.secrets, (secret) => {
    const isSecret = typeof secret === "string" && secret !== HIDDEN && secret !== "";
    return isSecret ? map(secret) : secret;
  });
  return secrets === record.secrets
    ? row
    : { ...(row as SecretRow), record: { ...record, secrets } };
}

type SecretRow = Fields & { readonly record: Fields & { readonly secrets: Fields } };

/** What the secrets of a record are bound to; null where it is none that has them. */
function placeOf(row: unknown): string | null {
  if (!isObject(row) || !isObject(row["record"])) return null;
  const { id, secrets } = row["record"];
  if (typeof id !== "string" || !isObject(secrets)) return null;
  return secretRecords[id.slice(0, "ch_".length)] ?? null;
}

type Members = { readonly [name: string]: ((text: string) => string) | Members };

function withMembers(value: unknown, members: Members): unknown {
  if (!isObject(value)) return value;
  return withEach(value, (member, name) => {
    const how = Object.hasOwn(members, name) ? members[name] : undefined;
    if (how === undefined) return member;
    if (typeof how === "function") return typeof member === "string" ? how(member) : member;
    return withMembers(member, how);
  });
}

/** The object with each member mapped; the object itself when none has changed. */
function withEach(value: Fields, map: (member: unknown, name: string) => unknown): Fields {
  let next: Record<string, unknown> | undefined;
  for (const [name, member] of Object.entries(value)) {
    const mapped = map(member, name);
    if (mapped === member) continue;
    next ??= { ...value };
    next[name] = mapped;
  }
  return next ?? value;
}

function withItems(list: readonly unknown[], map: (item: unknown) => unknown): readonly unknown[] {
  let next: unknown[] | undefined;
  for (const [at, item] of list.entries()) {
    const mapped = map(item);
    if (mapped === item) continue;
    next ??= [...list];
    next[at] = mapped;
  }
  return next ?? list;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
