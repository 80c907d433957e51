// The gateway of a server: accounts, what comes in to them and what goes out, put together once on main
// when the first of them is needed.

import type { ChannelInput } from "../../actors/channels/channel.ts";
import { type OutgoingFile, outgoingFilesTable } from "../../actors/channels/outgoing.ts";
import type { Channels } from "../../actors/channels/port.ts";
import type { Compute } from "../../actors/ports.ts";
import { systemTables, systemTenant } from "../../actors/records/api-key.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import type { System } from "../../runtime/system.ts";
import { createPoolParser } from "../parse/pool-parser.ts";
import { createSerial } from "../serial.ts";
import { Accounts } from "./accounts.ts";
import { type ChannelParts, createChannels } from "./channels.ts";
import { Claims } from "./claims.ts";
import { keptOf } from "./kept.ts";
import { LiveAnswers } from "./live.ts";
import { type Found, lookAtRecord } from "./look.ts";
import { createMailboxes } from "./mailboxes.ts";
import { loadOwn } from "./middleware/own.ts";
import { openOutside } from "./outside.ts";
import { type Registry, registry } from "./registry.ts";
import { createTakeIn, type TakeIn } from "./take-in.ts";
import { TypingSigns } from "./typing-signs.ts";

/** What the operator says of it. */
export interface GatewaySettings {
  /** Hosts of private networks that accounts may reach. */
  readonly hosts: readonly string[];
  /** File of the operator's own middleware; null: none. */
  readonly middleware: string | null;
  /** Where platforms reach this server; null: it is not known. */
  readonly publicUrl: string | null;
  /** Why nothing is sent at all. */
  readonly closed?: string | undefined;
}

/** What it works with. */
export interface GatewayParts
  extends Omit<ChannelParts, "accounts" | "parser" | "typing" | "live"> {
  readonly system: System;
  readonly compute: Compute;
  readonly log: Log;
  readonly settings: GatewaySettings;
  /** Default: the kinds that come with the server. */
  readonly registry?: Registry | undefined;
}

/** A gateway whose accounts are open. */
export interface Gateway {
  readonly accounts: Accounts;
  readonly port: Channels;
  readonly takeIn: TakeIn;
  readonly registry: Registry;
  readonly publicUrl: string | null;
  readonly log: Log;
  /** Of gateways beside the server. */
  readonly claims: Claims;
  /** Looks at a record that need not be stored, with what the account `as` has kept. @throws INVALID. */
  look(
    of: { readonly tenant: string; readonly record: ChannelInput; readonly as: string | null },
    signal: AbortSignal,
  ): Promise<readonly Found[]>;
  close(): Promise<void>;
}

/** Opens it, with the accounts of all tenants. @throws CONFIG_INVALID for a file that cannot be loaded. */
export async function openGateway(parts: GatewayParts): Promise<Gateway> {
  const { system, compute, log, settings, nowMs } = parts;
  const { tables } = system;
  const own = await loadOwn(settings.middleware);
  const { hosts, closed } = settings;
  const outside = openOutside({
    ...{ hosts, closed },
    weightOf: (tenant) => system.tenants.weightOf(tenant),
  });
  const serial = createSerial();
  const kinds = parts.registry ?? registry;
  const takeIn = createTakeIn({ system, log, nowMs });
  const accounts = new Accounts({
    ...{ system, tables, ...outside, log, own, takeIn, nowMs, registry: kinds, serial },
    mailboxes: createMailboxes({ tables, nowMs }),
    readFile: (tenant, file) => readFile(system, tenant, file),
    listTenants: async (page) => {
      const rows = await tables.list(systemTenant, systemTables.tenants, page);
      return rows.map(({ id }) => ({ id }));
    },
  });
  await accounts.open();
  const parser = createPoolParser(compute);
  const typing = new TypingSigns();
  const live = new LiveAnswers({ chat: parts.chat, system });
  return {
    ...{ accounts, takeIn, registry: kinds, publicUrl: settings.publicUrl, log },
    port: createChannels({ ...parts, accounts, parser, typing, live }),
    claims: new Claims({ serial, nowMs }),
    look: (of, signal) =>
      lookAtRecord(
        {
          ...{ outside, nowMs, kinds: { registry: kinds, middleware: settings.middleware } },
          ...(of.as !== null && {
            kept: keptOf({ tables, serial }, { tenant: of.tenant, id: of.as }),
          }),
        },
        of,
        signal,
      ),
    close: async () => {
      typing.close();
      live.close();
      await accounts.close();
      outside.egress.close();
    },
  };
}

async function readFile(
  { tables }: Pick<System, "tables">,
  tenant: string,
  { id, name }: OutgoingFile,
): Promise<Uint8Array> {
  const row = await tables.get(tenant, outgoingFilesTable, id);
  const bytes = (row?.value as { readonly bytes?: unknown } | undefined)?.bytes;
  if (bytes instanceof Uint8Array) return bytes;
  throw new RuntimeError("NOT_FOUND", `The file ${name.slice(0, 100)} is not there any more.`);
}
