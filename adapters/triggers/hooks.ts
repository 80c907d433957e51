// Deliveries to triggers of type `webhook`: proved over the bytes as they came, then told to the trigger, and answered
// when it is on disk. Whoever proves nothing learns nothing: a trigger that is not there, one of another type and a
// wrong signature are one answer, for the same work.

import { createHash } from "node:crypto";
import { systemTenant } from "../../actors/records/api-key.ts";
import type { ResourceRow } from "../../actors/records/resource.ts";
import { type TriggerInput, triggerKind, triggerLimits } from "../../actors/records/trigger.ts";
import { type Happened, triggerAddress } from "../../actors/triggers/state.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { System } from "../../runtime/system.ts";
import { networkOf } from "../http/client-address.ts";
import { createRateLimiter } from "../http/rate.ts";
import { type SignedDelivery, type SigningRules, verify } from "../signed-webhook.ts";
import type { StorageRoom } from "../tenants/storage-room.ts";
import { hookData } from "./hook-data.ts";
import { hookRules } from "./hook-rules.ts";
import { hookPlace, type TriggerPlace } from "./places.ts";

/** A delivery to one trigger. */
export interface HookDelivery extends SignedDelivery {
  readonly trigger: string;
  /** Where it came from. */
  readonly address: string;
}

/** Takes deliveries. */
export interface Hooks {
  /**
   * @returns its id in the ledger; null: it is there already.
   * @throws UNAUTHENTICATED for what is not proved, RATE_LIMITED, and what is wrong with a body that is.
   */
  deliver(delivery: HookDelivery): Promise<string | null>;
}

/** What it works with. */
export interface HookParts {
  readonly system: Pick<System, "tables" | "ask" | "tenants">;
  readonly storageRoom: Pick<StorageRoom, "take">;
  nowMs(): number;
}

/** Nobody has signed with them: what is sent to nobody is looked at all the same. */
const nobodys: SigningRules = {
  keys: [Buffer.alloc(32)],
  legacyHeader: "x-hub-signature-256",
  legacyKeys: [Buffer.alloc(32)],
};

const ID = /^tr_[A-Za-z0-9]{1,61}$/;

/** Makes it. */
export function createHooks({ system, storageRoom, nowMs }: HookParts): Hooks {
  const { tables, tenants } = system;
  const { hookPerSecond, hookBurst, unsignedPerSecond, unsignedBurst } = triggerLimits;
  const signed = createRateLimiter({
    ...{ perSecond: hookPerSecond, burst: hookBurst, who: "Those who set off this trigger" },
  });
  const unsigned = createRateLimiter({
    ...{ perSecond: unsignedPerSecond, burst: unsignedBurst, who: "Who proves nothing" },
  });

  async function found(asked: string): Promise<TriggerPlace & { rules: SigningRules | null }> {
    const trigger = ID.test(asked) ? asked : "tr_0";
    const place = await hookPlace(tables, trigger);
    const isOpen = place !== null && tenants.stateOf(place.tenant) === "active";
    const tenant = isOpen ? place.tenant : systemTenant;
    const row = await tables.get(tenant, triggerKind.path, trigger);
    const record = (row?.value as ResourceRow<TriggerInput> | undefined)?.record;
    return { tenant, trigger, rules: record?.type === "webhook" ? hookRules(record) : null };
  }

  const refuse = (address: string): never => {
    unsigned.take(networkOf(address));
    throw new RuntimeError("UNAUTHENTICATED", "No trigger takes this delivery.");
  };

  return {
    deliver: async ({ trigger, address, headers, body }) => {
      const atMs = nowMs();
      const { tenant, rules } = await found(trigger);
      const verified = verify({ headers, body }, rules ?? nobodys, atMs);
      if (!verified.ok || rules === null) return refuse(address);
      signed.take(trigger);
      const data = hookData({ headers, body });
      const key = `hook:${verified.id ?? bodyKey({ headers, body }, rules)}`;
      const happened: Happened = { type: "happened", cause: "webhook", key, atMs, data };
      const release = await storageRoom.take(tenant, body.byteLength);
      try {
        const told = await system.ask(triggerAddress(tenant, trigger), happened);
        return (told as { readonly occurrence: string | null }).occurrence;
      } catch (error) {
        // It was removed meanwhile.
        if (error instanceof RuntimeError && error.code === "NOT_FOUND") return refuse(address);
        throw error;
      } finally {
        release?.();
      }
    },
  };
}

/** What a delivery without an id that is signed is known by. */
function bodyKey({ headers, body }: SignedDelivery, { legacyHeader }: SigningRules): string {
  const signature = headers[legacyHeader ?? ""]?.toLowerCase() ?? "";
  return `body:${createHash("sha256").update(`${signature}\n`).update(body).digest("hex")}`;
}
