// Integrations of a tenant: made by its admin, named by tokens and tools. The client secret is write-only.

import {
  type Integration,
  type IntegrationInput,
  integrationLimits,
  integrationsTable,
} from "../../../actors/records/integration.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables } from "../../../runtime/system.ts";
import { checkIntegration, endpoints } from "../../credentials/check-integration.ts";
import type { OperatorIntegrations } from "../../credentials/operator-integrations.ts";
import type { WebhookSecrets } from "../../webhooks/secrets.ts";

/** The integrations. */
export interface IntegrationService {
  /** In the order of their names; all of them: there are few. */
  list(tenant: string): Promise<readonly Integration[]>;
  /** With its client secret in clear: for whoever asks the other side. @throws NOT_FOUND. */
  get(tenant: string, name: string): Promise<Integration>;
  /** Makes or replaces one; a secret that is left out stays while its endpoints do. @throws INVALID, CONFLICT. */
  put(
    tenant: string,
    name: string,
    input: IntegrationInput,
  ): Promise<{ readonly integration: Integration; readonly isNew: boolean }>;
  /** @throws NOT_FOUND, CONFLICT while there are tokens of it. */
  remove(tenant: string, name: string): Promise<void>;
}

/** What they need. */
export interface IntegrationOptions {
  readonly tables: Tables;
  /** Hosts of private networks that the operator allows: without TLS too. */
  readonly insecureHosts: readonly string[];
  readonly operators: OperatorIntegrations;
  readonly webhookSecrets: Pick<WebhookSecrets, "get">;
  nowMs(): number;
}

const NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;
/** The service. */
export function createIntegrations({
  tables,
  insecureHosts,
  operators,
  webhookSecrets,
  nowMs,
}: IntegrationOptions): IntegrationService {
  const find = async (tenant: string, name: string) =>
    NAME.test(name) ? await tables.get(tenant, integrationsTable, name) : undefined;
  const unknown = (name: string): RuntimeError =>
    new RuntimeError("NOT_FOUND", `There is no integration ${name.slice(0, 64)}.`);
  const list = async (tenant: string): Promise<readonly Integration[]> => {
    const rows = await tables.list(tenant, integrationsTable, { limit: integrationLimits.records });
    return rows.map(({ value }) => value as Integration);
  };
  return {
    list: async (tenant) => {
      const own = await list(tenant);
      const names = new Set(own.map(({ name }) => name));
      const all = [...own, ...operators.list(tenant).filter(({ name }) => !names.has(name))];
      return all.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    get: async (tenant, name) => {
      const row = await find(tenant, name);
      const found = (row?.value as Integration | undefined) ?? operators.get(tenant, name);
      if (found === undefined) throw unknown(name);
      return found;
    },
    put: async (tenant, name, input) => {
      if (!NAME.test(name)) {
        const text = "The name of an integration has 1 to 40 small letters, digits or -.";
        throw new RuntimeError("INVALID", text, { parameter: "name" });
      }
      checkIntegration(input, insecureHosts);
      const row = await find(tenant, name);
      const before = row?.value as Integration | undefined;
      if (before === undefined) checkFree(operators, tenant, name);
      if (before === undefined && (await list(tenant)).length >= integrationLimits.records) {
        const text = `A tenant has at most ${integrationLimits.records} integrations.`;
        throw new RuntimeError("CONFLICT", text, { limit: integrationLimits.records });
      }
      // Signed with a secret that its owner can look at before anything is told.
      if (input.webhook_url !== undefined) await webhookSecrets.get(tenant);
      const at = new Date(nowMs()).toISOString();
      const { client_secret: given, ...fields } = input;
      const secret = given ?? keptSecret(before, input);
      const integration: Integration = {
        ...fields,
        ...(secret !== undefined && { client_secret: secret }),
        ...{ name, created_at: before?.created_at ?? at, updated_at: at },
      };
      const place = { table: integrationsTable, id: name } as const;
      await tables.write(tenant, [
        { type: "put-if", ...place, value: integration, revision: row?.revision ?? null },
      ]);
      return { integration, isNew: before === undefined };
    },
    remove: async (tenant, name) => {
      const row = await find(tenant, name);
      if (row === undefined) {
        checkFree(operators, tenant, name);
        throw unknown(name);
      }
      const used = await tables.list(tenant, "tokens-use", { prefix: `${name}.`, limit: 1 });
      if (used.length > 0) {
        throw new RuntimeError("CONFLICT", `There are tokens of ${name}: remove them first.`);
      }
      await tables.write(tenant, [
        { type: "remove", table: integrationsTable, id: name, revision: row.revision },
      ]);
    },
  };
}

/** What the operator has set is the operator's to change. @throws CONFLICT. */
function checkFree(operators: OperatorIntegrations, tenant: string, name: string): void {
  if (operators.get(tenant, name) === undefined) return;
  const text = `Integration ${name} is set by the operator of the server, in its configuration.`;
  throw new RuntimeError("CONFLICT", text);
}

/** Who may change an integration and never saw its secret must not have it sent to an address of their own. */
function keptSecret(before: Integration | undefined, input: IntegrationInput): string | undefined {
  if (before?.client_secret === undefined) return undefined;
  const isSame = endpoints.every((one) => before[one] === input[one]);
  if (isSame && before.client_id === input.client_id) return before.client_secret;
  const text = "It is for another client or other endpoints now: send the client_secret again.";
  throw new RuntimeError("INVALID", text, { pointer: "/client_secret" });
}
