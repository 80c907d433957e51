// The secret with which a tenant's webhooks are signed. Made when it is first needed, replaced when its
// owner wants it; the old one goes on signing for a day beside the new one, so that receivers can change
// over without losing a message.

import { randomBytes } from "node:crypto";
import type { Tables } from "../../runtime/system.ts";

/** Table of it, one row a tenant. */
export const webhookSecretsTable = "webhook-secrets";
/** Id of the row. */
export const secretRow = "signing";
const SECRET_BYTES = 32;
const OVERLAP_MS = 24 * 3_600_000;

/** The row. Secrets as Standard Webhooks writes them: `whsec_` and base64. Times in ms since the epoch. */
export interface WebhookSecret {
  readonly secret: string;
  readonly createdAtMs: number;
  /** The one before, which signs too until then. */
  readonly previous?: { readonly secret: string; readonly untilMs: number };
}

/** The secrets of all tenants. */
export interface WebhookSecrets {
  /** Makes one when there is none. */
  get(tenant: string): Promise<WebhookSecret>;
  rotate(tenant: string): Promise<WebhookSecret>;
}

/** The secrets in a system's tables. */
export function createWebhookSecrets(tables: Tables, nowMs: () => number): WebhookSecrets {
  const read = (tenant: string) => tables.get(tenant, webhookSecretsTable, secretRow);
  const write = async (
    tenant: string,
    value: WebhookSecret,
    revision: string | null,
  ): Promise<WebhookSecret> => {
    const place = { table: webhookSecretsTable, id: secretRow } as const;
    await tables.write(tenant, [{ type: "put-if", ...place, value, revision }]);
    return value;
  };
  const made = () => `whsec_${randomBytes(SECRET_BYTES).toString("base64")}`;
  return {
    get: async (tenant) => {
      const found = await read(tenant);
      if (found !== undefined) return found.value as WebhookSecret;
      const fresh = { secret: made(), createdAtMs: nowMs() };
      return await write(tenant, fresh, null).catch(async (error: unknown) => {
        // Somebody else has made one at the same moment.
        const theirs = await read(tenant);
        if (theirs === undefined) throw error;
        return theirs.value as WebhookSecret;
      });
    },
    rotate: async (tenant) => {
      const found = await read(tenant);
      const before = found?.value as WebhookSecret | undefined;
      const previous =
        before === undefined
          ? {}
          : { previous: { secret: before.secret, untilMs: nowMs() + OVERLAP_MS } };
      const fresh = { secret: made(), createdAtMs: nowMs(), ...previous };
      return await write(tenant, fresh, found?.revision ?? null);
    },
  };
}
