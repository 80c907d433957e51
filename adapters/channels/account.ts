// An account that is open: its record, its adapter's instance, and what is known of it since the start.

import type { ChannelInput, SessionScope } from "../../actors/channels/channel.ts";
import type { ResourceRecord } from "../../actors/records/resource.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Tables } from "../../runtime/system.ts";
import { loadValidator, validate } from "../http/validate.ts";
import type { Serial } from "../serial.ts";
import type { ChannelAdapter, ChannelInstance, ChannelRoute } from "./adapter.ts";
import { type Aliases, aliasesOf } from "./aliases.ts";
import { type EnvironmentParts, environmentOf } from "./environment.ts";
import type { Health } from "./health.ts";
import { type Hide, hiding } from "./hidden-secrets.ts";
import { keptOf } from "./kept.ts";
import { type Linking, linkingOf } from "./linking.ts";
import type { Mailboxes } from "./mailboxes.ts";
import { chainOf } from "./middleware/chain.ts";
import type { OwnMiddleware } from "./middleware/own.ts";
import { Pacing } from "./pacing.ts";
import { type People, peopleOf } from "./people.ts";
import { adapterOf, type Registry } from "./registry.ts";

/** A channel's record. */
export type ChannelRecord = ResourceRecord<ChannelInput>;

/** One that is open. */
export interface Account {
  readonly tenant: string;
  readonly id: string;
  readonly record: ChannelRecord;
  readonly adapter: ChannelAdapter;
  readonly instance: ChannelInstance;
  /** By "POST /interactive". */
  readonly routes: ReadonlyMap<string, ChannelRoute>;
  readonly scope: SessionScope;
  readonly chain: ReturnType<typeof chainOf>;
  readonly pacing: Pacing;
  readonly aliases: Aliases;
  readonly people: People;
  readonly linking: Linking;
  readonly health: Health;
  readonly hide: Hide;
}

/** What accounts are opened with. */
export interface OpenParts extends Omit<EnvironmentParts, "kept" | "hide" | "mailbox"> {
  readonly registry: Registry;
  readonly tables: Tables;
  readonly serial: Serial;
  readonly own: OwnMiddleware;
  readonly mailboxes: Mailboxes;
  /** Links of an account have changed. Default: nobody has to know. */
  forgetPeople?(channel: string): void;
}

/** Settings and secrets as the adapter takes them, checked. @throws INVALID with the pointer. */
export async function settingsOf(adapter: ChannelAdapter, channel: ChannelInput): Promise<object> {
  const { settings = {}, secrets = {} } = channel;
  for (const name of Object.keys(secrets)) {
    if (adapter.secrets.includes(name)) continue;
    const known = adapter.secrets.join(", ") || "none";
    const message = `"${name.slice(0, 64)}" is no secret of ${adapter.kind}; there are: ${known}.`;
    throw new RuntimeError("INVALID", message, { pointer: `/secrets/${name.slice(0, 64)}` });
  }
  for (const name of adapter.secrets) {
    if (!Object.hasOwn(settings, name)) continue;
    const message = `"${name}" is a secret: it goes into secrets, where it is sealed.`;
    throw new RuntimeError("INVALID", message, { pointer: `/settings/${name}` });
  }
  const all = { ...settings, ...secrets };
  await loadValidator();
  try {
    validate(adapter.settings, all);
  } catch (error) {
    throw inSettings(error, adapter);
  }
  return all;
}

/** Opens one. @throws INVALID with the pointer of what is wrong in the record. */
export async function openAccount(
  parts: OpenParts,
  of: { readonly tenant: string; readonly record: ChannelRecord; readonly health: Health },
): Promise<Account> {
  const { tenant, record, health } = of;
  const { id } = record;
  const adapter = await adapterOf(record.kind, parts.registry);
  const settings = await settingsOf(adapter, record);
  const hide = hiding(Object.values(record.secrets ?? {}));
  const place = { tenant, id };
  const mailbox = parts.mailboxes.of({ tenant, channel: id });
  const kept = keptOf(parts, place);
  const environment = environmentOf(place, { ...parts, hide, kept, mailbox });
  const chain = chainOf(record, parts.own);
  const instance = created(adapter, settings, environment);
  return {
    ...{ tenant, id, record, adapter, instance, chain, health, hide },
    routes: new Map(instance.routes.map((route) => [`${route.method} ${route.path}`, route])),
    scope: record.session_scope ?? adapter.sessionScope,
    pacing: new Pacing(adapter.capabilities),
    aliases: aliasesOf(parts, place),
    people: peopleOf(parts.tables, place),
    linking: linkingOf(
      { ...parts, kept, forgetPeople: parts.forgetPeople ?? (() => undefined) },
      { ...place, kind: record.kind },
      record,
    ),
  };
}

function created(
  adapter: ChannelAdapter,
  settings: object,
  environment: Parameters<ChannelAdapter["create"]>[1],
): ChannelInstance {
  try {
    // They were just checked against the adapter's own schema.
    return adapter.create(settings as never, environment);
  } catch (error) {
    throw inSettings(error, adapter);
  }
}

/** The pointer as the record has it: an adapter knows its settings and secrets as one object. */
export function inSettings(error: unknown, { secrets }: Pick<ChannelAdapter, "secrets">): unknown {
  if (!(error instanceof RuntimeError)) return error;
  const pointer = String(error.details?.["pointer"] ?? "");
  const name = pointer.split("/")[1] ?? "";
  if (name === "settings" || name === "secrets") return error;
  const place = secrets.includes(name) ? "/secrets" : "/settings";
  const details = { ...error.details, pointer: `${place}${pointer}` };
  return new RuntimeError("INVALID", error.message, details, { cause: error });
}
