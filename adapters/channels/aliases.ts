// Users and conversations whose id has changed: what comes under the new one belongs to the session that
// knows the old one. A row leads from the newer id to the older, so that nothing that is stored moves.

import { createHash } from "node:crypto";
import type { IdentityEvent, Inbound, Place } from "../../actors/channels/inbound.ts";
import { channelLimits } from "../../actors/channels/limits.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Tables } from "../../runtime/system.ts";
import type { Serial } from "../serial.ts";
import { channelTables } from "./tables.ts";

/** Ids that one follows from the other; a longer chain ends there. */
const HOPS_MAX = 16;

/** Of one account. */
export interface Aliases {
  /** The event with the ids that sessions know. */
  resolved(event: Inbound): Promise<Inbound>;
  /** Remembers what an event says. @throws TENANT_LIMIT when the account has as many as it may. */
  learn(event: IdentityEvent): Promise<void>;
}

interface Row {
  readonly to: string;
}

/** Makes them. The first look finds out whether there are any: most accounts never have one. */
export function aliasesOf(
  { tables, serial }: { readonly tables: Tables; readonly serial: Serial },
  { tenant, id: channel }: { readonly tenant: string; readonly id: string },
): Aliases {
  const table = channelTables.aliases;
  const counter = `${table}.${channel}`;
  let hasAny: Promise<boolean> | undefined;
  const any = (): Promise<boolean> => {
    hasAny ??= tables
      .list(tenant, table, { prefix: `${channel}.`, limit: 1 })
      .then((rows) => rows.length > 0);
    // What could not be looked at is looked at again.
    hasAny.catch(() => {
      hasAny = undefined;
    });
    return hasAny;
  };
  const rowOf = (of: IdentityEvent["of"], id: string): string => `${channel}.${of}.${hashOf(id)}`;
  const oldest = async (of: IdentityEvent["of"], id: string): Promise<string> => {
    let found = id;
    for (let hop = 0; hop < HOPS_MAX; hop += 1) {
      const row = await tables.get(tenant, table, rowOf(of, found));
      if (row === undefined) return found;
      found = (row.value as Row).to;
    }
    return found;
  };
  const placeOf = async (place: Place): Promise<Place> => {
    const conversation = await oldest("conversation", place.conversation);
    // Where two speak, the conversation's id may be the other one's own.
    const direct = place.isDirect ? await oldest("user", conversation) : conversation;
    const user = place.user === undefined ? undefined : await oldest("user", place.user);
    if (direct === place.conversation && user === place.user) return place;
    return { ...place, conversation: direct, ...(user !== undefined && { user }) };
  };
  return {
    resolved: async (event) => {
      if (!(await any())) return event;
      const place = await placeOf(event.place);
      return place === event.place ? event : { ...event, place };
    },
    learn: ({ of, from, to }) =>
      serial.run(`${tenant}/${channel} aliases`, async () => {
        const root = await oldest(of, from);
        // `root` leads nowhere, so what leads to it can be no circle unless it is itself.
        if (root === to || from === to || (await oldest(of, to)) === root) return;
        const id = rowOf(of, to);
        const before = await tables.get(tenant, table, id);
        if (
          before === undefined &&
          (await tables.counter(tenant, counter)) >= channelLimits.aliases
        ) {
          const message = `The account has ${channelLimits.aliases} aliases: this one is not remembered.`;
          throw new RuntimeError("TENANT_LIMIT", message);
        }
        await tables.write(tenant, [
          { type: "put", table, id, value: { to: root } satisfies Row },
          ...(before === undefined ? [{ type: "add", counter, delta: 1 } as const] : []),
        ]);
        hasAny = Promise.resolve(true);
      }),
  };
}

function hashOf(id: string): string {
  return createHash("sha256").update(id).digest("hex").slice(0, 40);
}
