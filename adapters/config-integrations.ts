// The settings of integrations: other services whose client the operator has registered for the tenants that are
// named. Part of config-schema.ts and config.ts.

import type { Integration, IntegrationInput } from "../actors/records/integration.ts";
import { RuntimeError } from "../runtime/errors.ts";
import { choice, type Fields, type ValuesOf } from "./config-field.ts";

const text = (said: string, charsMax = 2_000) =>
  ({ type: "text", text: said, default: null as string | null, charsMax }) as const;
const texts = (said: string, itemsMax: number) =>
  ({ type: "texts", text: said, default: [], itemsMax, charsMax: 2_000 }) as const;

const fields = {
  name: {
    type: "text",
    text: "Name of it in tools and tokens.",
    default: "",
    charsMax: 40,
    pattern: /^[a-z0-9][a-z0-9-]*$/,
    expected: "lower-case letters, digits and -",
  },
  type: choice("How its tokens are got.", ["oauth2", "client_credentials", "api_key"], "oauth2"),
  tenants: texts("Ids of the tenants that have it (tn_...), or * for all.", 1_000),
  title: text("Name of it for people.", 100),
  issuer: text("Its metadata says where its endpoints are."),
  authorizationEndpoint: text("Where people consent."),
  tokenEndpoint: text("Where codes and refresh tokens are changed for tokens."),
  revocationEndpoint: text("Where tokens are taken back."),
  clientId: text("Of the client that is registered there.", 500),
  clientSecret: {
    type: "text",
    text: "A reference to the environment variable that holds it, written `$\u007bNAME}`.",
    default: null as string | null,
    charsMax: 4_000,
    secret: true,
  },
  clientAuth: choice(
    "How the client shows who it is; auto: basic with a secret, none without.",
    ["auto", "basic", "post", "none"],
    "auto",
  ),
  scopes: texts("What is asked for.", 100),
  allowedHosts: texts("Hosts that its tokens are sent to; *.example.com for those below one.", 20),
  header: text("Header that has the token. Default: authorization.", 64),
  prefix: text("What stands before it there. Default: Bearer and a space.", 40),
  confirmation: choice(
    "How it is made sure that who consents is the user of the link.",
    ["page", "code", "application"],
    "page",
  ),
  returnUrl: text("Page of the application, with confirmation: application."),
  authorizationParams: texts("More of an authorization request, each as name=value.", 20),
} as const satisfies Fields;

/** The list of them. */
export const integrationsField = {
  type: "entries",
  text: "Other services that tenants find beside their own integrations; they cannot change them.",
  itemsMax: 100,
  required: ["name", "allowedHosts", "tenants"],
  fields,
} as const;

type Entry = ValuesOf<typeof fields>;

/** A configured integration, as plain data. Its secret is in clear, and in memory only. */
export interface OperatorIntegration {
  readonly integration: Integration;
  /** Ids, or "*" for all. */
  readonly tenants: readonly string[];
}

/** Those of the configuration; what is wrong with them is added to `problems`. */
export async function integrationsOf(
  entries: readonly Entry[],
  insecureHosts: readonly string[],
  problems: string[],
): Promise<readonly OperatorIntegration[]> {
  if (entries.length === 0) return [];
  const { checkIntegration } = await import("./credentials/check-integration.ts");
  const seen = new Set<string>();
  return entries.map((entry) => {
    const { name, tenants } = entry;
    const wrong = (said: string): void => {
      problems.push(`integrations: ${name}: ${said}`);
    };
    if (seen.has(name)) wrong("the name is used twice");
    seen.add(name);
    const odd = tenants.find((one) => one !== "*" && !/^tn_[a-z0-9]{1,61}$/.test(one));
    if (odd !== undefined) wrong(`tenants: "${odd}" is neither the id of a tenant nor *`);
    const input = inputOf(entry, wrong);
    try {
      checkIntegration(input, insecureHosts);
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      wrong(`${String(error.details?.["pointer"] ?? "").slice(1)}: ${error.message}`);
    }
    return { integration: { ...input, name, created_at: "", updated_at: "" }, tenants };
  });
}

function inputOf(entry: Entry, wrong: (said: string) => void): IntegrationInput {
  const params = entry.authorizationParams.flatMap((one) => {
    const at = one.indexOf("=");
    if (at > 0) return [[one.slice(0, at), one.slice(at + 1)] as const];
    wrong(`authorization_params: "${one.slice(0, 40)}" is no name=value`);
    return [];
  });
  const named = {
    title: entry.title,
    issuer: entry.issuer,
    authorization_endpoint: entry.authorizationEndpoint,
    token_endpoint: entry.tokenEndpoint,
    revocation_endpoint: entry.revocationEndpoint,
    client_id: entry.clientId,
    client_secret: entry.clientSecret,
    client_auth: entry.clientAuth === "auto" ? null : entry.clientAuth,
    header: entry.header,
    prefix: entry.prefix,
    return_url: entry.returnUrl,
    confirmation: entry.confirmation === "page" ? null : entry.confirmation,
  };
  const given = Object.entries(named).filter(([, value]) => value !== null);
  return {
    ...(Object.fromEntries(given) as Partial<IntegrationInput>),
    type: entry.type,
    scopes: [...entry.scopes],
    allowed_hosts: [...entry.allowedHosts],
    ...(params.length > 0 && { authorization_params: Object.fromEntries(params) }),
  };
}
