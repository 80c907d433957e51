// The services of tokens, made when the first of them is asked for.

import type { System } from "../../../runtime/system.ts";
import type { OperatorIntegration } from "../../config-integrations.ts";
import { createOAuth } from "../../credentials/oauth.ts";
import { operatorIntegrations } from "../../credentials/operator-integrations.ts";
import { createEgress } from "../../egress.ts";
import type { Vault } from "../../vault/vault.ts";
import { createWebhookSecrets } from "../../webhooks/secrets.ts";
import { type ConnectService, createConnect } from "./connect.ts";
import { createIntegrations, type IntegrationService } from "./integrations.ts";
import { createTokens, type TokenService } from "./tokens.ts";

/** What secrets of others are kept and asked for with. */
export interface Trust {
  readonly vault: Vault;
  /** Hosts of private networks that authorization servers may be at: without TLS too. */
  readonly hosts: readonly string[];
  /** Of the configuration. */
  readonly integrations: readonly OperatorIntegration[];
  /** Where this server is for browsers; null: where they ask it. */
  readonly publicUrl: string | null;
}

/** All of them. */
export interface CredentialServices {
  readonly integrations: IntegrationService;
  readonly tokens: TokenService;
  readonly connect: ConnectService;
}

/** Makes them. */
export function createCredentialServices(options: {
  readonly system: Pick<System, "tables" | "ask" | "send" | "run">;
  readonly trust: Trust;
  nowMs(): number;
}): CredentialServices {
  const { system, trust, nowMs } = options;
  const { vault, hosts } = trust;
  const { tables } = system;
  const oauth = createOAuth(createEgress({ allowedHosts: hosts }), hosts);
  const integrations = createIntegrations({
    ...{ tables, insecureHosts: hosts, nowMs },
    operators: operatorIntegrations(trust.integrations),
    webhookSecrets: createWebhookSecrets(tables, nowMs),
  });
  const tokens = createTokens({ system, integrations, vault, oauth, nowMs });
  const connect = createConnect({ tables, integrations, tokens, oauth, system, nowMs });
  return { integrations, tokens, connect };
}
