// Integrations of a tenant: made by its admin, named by tokens and tools. The client secret is write-only.

import {
  type Integration,
  type IntegrationInput,
  integrationLimits,
  integrationsTable,
} from "../../../actors/records/integration.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables } from "../../../runtime/system.ts";
import { isInsecure } from "../../credentials/authorization-server.ts";
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
  readonly webhookSecrets: Pick<WebhookSecrets, "get">;
  nowMs(): number;
}

const NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;
const endpoints = [
  "issuer",
  "authorization_endpoint",
  "token_endpoint",
  "revocation_endpoint",
] as const;

/** The service. */
export function createIntegrations({
  tables,
  insecureHosts,
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
    list,
    get: async (tenant, name) => {
      const row = await find(tenant, name);
      if (row === undefined) throw unknown(name);
      return row.value as Integration;
    },
    put: async (tenant, name, input) => {
      if (!NAME.test(name)) {
        const text = "The name of an integration has 1 to 40 small letters, digits or -.";
        throw new RuntimeError("INVALID", text, { parameter: "name" });
      }
      checkInput(input, insecureHosts);
      const row = await find(tenant, name);
      const before = row?.value as Integration | undefined;
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
      if (row === undefined) throw unknown(name);
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

/** Who may change an integration and never saw its secret must not have it sent to an address of their own. */
function keptSecret(before: Integration | undefined, input: IntegrationInput): string | undefined {
  if (before?.client_secret === undefined) return undefined;
  const isSame = endpoints.every((one) => before[one] === input[one]);
  if (isSame && before.client_id === input.client_id) return before.client_secret;
  const text = "It is for another client or other endpoints now: send the client_secret again.";
  throw new RuntimeError("INVALID", text, { pointer: "/client_secret" });
}

/** A browser is sent to `return_url` with what an account is kept by: only where the application asks for that. */
function checkConfirmation(input: IntegrationInput, insecureHosts: readonly string[]): void {
  const { type, confirmation = "page", return_url: url } = input;
  const invalid = (text: string, field: string): RuntimeError =>
    new RuntimeError("INVALID", text, { pointer: `/${field}` });
  if (input.confirmation !== undefined && type !== "oauth2") {
    throw invalid(`Nobody consents to an integration of type ${type}.`, "confirmation");
  }
  const isWanted = confirmation === "application";
  if (isWanted && url === undefined) throw invalid("It is missing.", "return_url");
  if (url === undefined) return;
  if (!isWanted) throw invalid('It is for confirmation "application" alone.', "return_url");
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const isSafe = parsed?.protocol === "https:" || isInsecure(url, insecureHosts);
  if (parsed === null || !isSafe) throw invalid("It is no address of https.", "return_url");
  if (parsed.username !== "" || parsed.password !== "" || parsed.hash !== "") {
    throw invalid("An address here has no user, password or fragment.", "return_url");
  }
}

function checkInput(input: IntegrationInput, insecureHosts: readonly string[]): void {
  const invalid = (text: string, field: string): RuntimeError =>
    new RuntimeError("INVALID", text, { pointer: `/${field}` });
  for (const field of endpoints) {
    const url = input[field];
    if (url === undefined) continue;
    const parsed = URL.canParse(url) ? new URL(url) : null;
    const isSafe = parsed?.protocol === "https:" || isInsecure(url, insecureHosts);
    if (parsed === null || !isSafe) throw invalid("It is no address of https.", field);
    if (parsed.username !== "" || parsed.password !== "" || parsed.hash !== "") {
      throw invalid("An address here has no user, password or fragment.", field);
    }
  }
  const { webhook_url: told } = input;
  if (told !== undefined && !(URL.canParse(told) && /^https?:$/.test(new URL(told).protocol))) {
    throw invalid("It is no address of http or https.", "webhook_url");
  }
  checkConfirmation(input, insecureHosts);
  if (input.type === "api_key") {
    const field = [...endpoints, "client_id", "client_secret"].find((one) => one in input);
    if (field !== undefined) throw invalid("An integration of type api_key has none.", field);
    return;
  }
  if (input.client_id === undefined) throw invalid("It is missing.", "client_id");
  if (input.issuer === undefined && input.token_endpoint === undefined) {
    throw invalid("An issuer or the endpoints are needed.", "token_endpoint");
  }
  const isCode = input.type === "oauth2";
  if (isCode && input.issuer === undefined && input.authorization_endpoint === undefined) {
    throw invalid("An issuer or the endpoints are needed.", "authorization_endpoint");
  }
  const own = ["client_id", "redirect_uri", "response_type", "state", "scope", "nonce"];
  const taken = Object.keys(input.authorization_params ?? {}).find(
    (one) => own.includes(one) || one.startsWith("code_challenge"),
  );
  if (taken !== undefined)
    throw invalid("It is set by the server.", `authorization_params/${taken}`);
}
