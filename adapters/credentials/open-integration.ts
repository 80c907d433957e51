// An integration with its secret in clear, for whoever asks the other side. Never stored so.

import type { Integration } from "../../actors/records/integration.ts";
import { clientSecretPlace } from "../secret-rows.ts";
import { isSealed, type Vault } from "../vault/vault.ts";

/** An integration with its secret in clear. */
export interface OpenIntegration extends Integration {
  readonly client_secret?: string;
  /** For whom it is asked: tenants take turns where more is asked of one server than it is asked at once. */
  readonly tenant?: string;
}

/** Opens it. @throws SECRET_UNREADABLE. */
export function openIntegration(vault: Vault, tenant: string, row: Integration): OpenIntegration {
  const { client_secret: stored } = row;
  if (stored === undefined || !isSealed(stored)) return { ...row, tenant };
  return { ...row, tenant, client_secret: vault.open(clientSecretPlace(tenant, row.name), stored) };
}
