// One person on several channels: an operator, or the application that knows who is who, links senders of accounts
// to a person. What the person says is then remembered as theirs wherever it is said; with sessions by user they
// have one session on all of them.

import { createHash } from "node:crypto";
import type { Inbound } from "../../actors/channels/inbound.ts";
import { channelLimits } from "../../actors/channels/limits.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Tables, TableWrite } from "../../runtime/system.ts";
import { channelTables } from "./tables.ts";

/** A sender that is linked. */
export interface Link {
  /** The platform's id. */
  readonly sender: string;
  readonly person: string;
  /** Who has said so: the sender, by a code. Absent: an operator or an application. */
  readonly by?: "sender";
}

/** Those of one account. */
export interface People {
  /** The event with who its sender is. */
  known(event: Inbound): Promise<Inbound>;
  /** Links have changed. */
  forget(): void;
}

/** Makes them. Most accounts never have one: the first look finds out. */
export function peopleOf(
  tables: Pick<Tables, "get" | "list">,
  { tenant, id: channel }: { readonly tenant: string; readonly id: string },
): People {
  let hasAny: Promise<boolean> | undefined;
  const any = (): Promise<boolean> => {
    hasAny ??= tables
      .list(tenant, channelTables.people, { prefix: `${channel}.`, limit: 1 })
      .then((rows) => rows.length > 0);
    hasAny.catch(() => {
      hasAny = undefined;
    });
    return hasAny;
  };
  return {
    known: async (event) => {
      if (!(await any())) return event;
      const sender = event.place.user ?? event.sender.id;
      const row = await tables.get(tenant, channelTables.people, linkId(channel, sender));
      if (row === undefined) return event;
      const { person } = row.value as Link;
      return { ...event, place: { ...event.place, person } };
    },
    forget: () => {
      hasAny = undefined;
    },
  };
}

/** Id of a link's row. */
export function linkId(channel: string, sender: string): string {
  return `${channel}.${createHash("sha256").update(sender).digest("hex").slice(0, 40)}`;
}

/** Links a sender to a person, or, with null, to nobody. @throws TENANT_LIMIT. */
export async function link(
  tables: Pick<Tables, "get" | "write" | "counter">,
  place: { readonly tenant: string; readonly channel: string },
  of: { readonly sender: string; readonly person: string | null },
): Promise<void> {
  const writes = await linkWrites(tables, place, of);
  if (writes.length > 0) await tables.write(place.tenant, writes);
}

/** What does so. @throws TENANT_LIMIT. */
export async function linkWrites(
  tables: Pick<Tables, "get" | "counter">,
  { tenant, channel }: { readonly tenant: string; readonly channel: string },
  {
    sender,
    person,
    by,
  }: { readonly sender: string; readonly person: string | null; readonly by?: Link["by"] },
): Promise<readonly TableWrite[]> {
  const table = channelTables.people;
  const id = linkId(channel, sender);
  const counter = `${table}.${channel}`;
  const before = await tables.get(tenant, table, id);
  if (person === null) {
    if (before === undefined) return [];
    const removal = { type: "remove", table, id, revision: before.revision } as const;
    return [removal, { type: "add", counter, delta: -1 }];
  }
  const count = before === undefined ? await tables.counter(tenant, counter) : 0;
  if (count >= channelLimits.aliases) {
    const message = `The account has ${channelLimits.aliases} links: no more are taken.`;
    throw new RuntimeError("TENANT_LIMIT", message);
  }
  const value: Link = { sender, person, ...(by !== undefined && { by }) };
  return [
    { type: "put", table, id, value },
    ...(before === undefined ? [{ type: "add", counter, delta: 1 } as const] : []),
  ];
}
