// The settings of issuers of tokens (OpenID providers), and what they mean together: part of
// config-schema.ts and config.ts.

import { kindOfId, resourcePrefixes } from "../actors/records/resource-scope.ts";
import { choice, type Fields, integer, type ValuesOf } from "./config-field.ts";

/** Signatures that can be allowed: asymmetric ones alone, so that what verifies can make none. */
export const signatures = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA"],
] as const;

const roles = ["owner", "admin", "developer", "operator", "viewer"] as const;
const claim = {
  charsMax: 200,
  pattern: /^[^\s.]+(?:\.[^\s.]+)*$/,
  expected: "the name of a claim, dotted for what lies deeper",
} as const;

/** One issuer. */
export const issuerFields = {
  name: {
    type: "text",
    text: "Name of it in logs, the audit and rates.",
    default: "",
    charsMax: 24,
    pattern: /^[a-z][a-z0-9_-]*$/,
    expected: "lower-case letters, digits, - and _, starting with a letter",
  },
  issuer: {
    type: "text",
    text: "Its identifier, as its tokens have it in `iss`; https, or http of a loopback address.",
    default: "",
    charsMax: 1_000,
    pattern: /^https:\/\/\S+$|^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?(?:\/\S*)?$/,
    expected: "an https:// address",
  },
  audience: {
    type: "text",
    text: "What `aud` of its tokens must have.",
    default: "",
    charsMax: 1_000,
  },
  jwksUri: {
    type: "text",
    text: "Where its keys are. Default: what its /.well-known/openid-configuration says.",
    default: null as string | null,
    charsMax: 1_000,
    pattern: /^https?:\/\/\S+$/,
    expected: "an https:// address",
  },
  algorithms: {
    type: "texts",
    text: `Signatures that are taken, of ${signatures.join(", ")}. Default: RS256, ES256 and EdDSA.`,
    default: ["RS256", "ES256", "EdDSA"],
    itemsMax: signatures.length,
    charsMax: 10,
  },
  tenant: {
    type: "text",
    text: "The tenant of all its tokens. Default: what `tenant_claim` says.",
    default: null as string | null,
    charsMax: 64,
    pattern: /^tn_[a-z0-9]{1,61}$/,
    expected: "the id of a tenant (tn_...)",
  },
  tenantClaim: {
    type: "text",
    text: "Claim with the id of the tenant.",
    default: "tenant",
    ...claim,
  },
  role: choice("Role of a token in which no other one is found.", roles, "viewer"),
  roleClaim: {
    type: "text",
    text: "Claim with a role, or a list; of several the one that may do most counts.",
    default: "roles",
    ...claim,
  },
  roles: {
    type: "texts",
    text: "What values of it mean, each as value=role: troupe-admins=admin. Default: nothing is a role.",
    default: [],
    itemsMax: 100,
    charsMax: 300,
  },
  userClaim: { type: "text", text: "Claim with the user.", default: "sub", ...claim },
  bindUser: choice(
    "Whether a token that names a user, with a role below admin, speaks for that user alone: of other users it sees and goes on with no conversation, run or memory. off: for services that ask for many users, named by `user_key`.",
    ["on", "off"],
    "on",
  ),
  services: {
    type: "texts",
    text: "Services that its tokens may use; value=service: those in whose `services_claim` the value is. Default: those of a new key.",
    default: [],
    itemsMax: 500,
    charsMax: 100,
  },
  servicesClaim: {
    type: "text",
    text: "Claim with services, as a list or a text with spaces: a token has those of them that `services` allows. Default: none is read.",
    default: null as string | null,
    ...claim,
  },
  resources: {
    type: "texts",
    text: "Records that its tokens reach, by id (ag_...) or all of a kind (agents:*), as `allowed_resources` of a key; value=id: those in whose `resources_claim` the value is. Default: all of the tenant's.",
    default: [],
    itemsMax: 500,
    charsMax: 300,
  },
  resourcesClaim: {
    type: "text",
    text: "Claim with ids of records, or values of `resources`, as a list or a text with spaces: a token reaches those of them that `resources` allows. Default: none is read.",
    default: null as string | null,
    ...claim,
  },
  clockSkewS: integer("How far its clock and this one may differ.", "s", [60, 0, 600]),
} as const satisfies Fields;

type Entry = ValuesOf<typeof issuerFields>;
type RoleName = (typeof roles)[number];

/** A configured issuer, as plain data. */
export interface IssuerConfig extends Omit<Entry, "roles"> {
  readonly roles: readonly { readonly value: string; readonly role: RoleName }[];
}

/** One entry of what an issuer's tokens are granted. */
export interface Granted {
  /** Granted to tokens in whose claim it is; null: to all, or the most that a claim can name. */
  readonly value: string | null;
  readonly what: string;
}

/** Reads `value=what`, or `what` alone. */
export function grantedOf(text: string): Granted {
  const at = text.lastIndexOf("=");
  return at === -1
    ? { value: null, what: text }
    : { value: text.slice(0, at), what: text.slice(at + 1) };
}

/** What stands for all records of a kind: "agents:*". */
export const ALL_OF = ":*";

function checkGrants(entry: Entry, wrong: (text: string) => void): void {
  const lists = [
    ["services", entry.services, entry.servicesClaim],
    ["resources", entry.resources, entry.resourcesClaim],
  ] as const;
  for (const [list, texts, claimed] of lists) {
    for (const text of texts) {
      const { value, what } = grantedOf(text);
      if (value === "" || what === "")
        wrong(`"${text}" of ${list} is no value=${list.slice(0, -1)}`);
      if (value !== null && claimed === null) {
        wrong(`"${text}" of ${list} wants a claim, which ${list}_claim names`);
      }
      if (list === "resources" && !isResource(what)) {
        wrong(`"${what}" of resources is no id of a record and no kind with :*, such as agents:*`);
      }
    }
  }
}

function isResource(what: string): boolean {
  return what.endsWith(ALL_OF)
    ? Object.hasOwn(resourcePrefixes, what.slice(0, -ALL_OF.length))
    : /^[a-z]{2}_[A-Za-z0-9]{1,61}$/.test(what) && kindOfId(what) !== null;
}

/** The issuers of the configuration; what is wrong with them is added to `problems`. */
export function issuersOf(entries: readonly Entry[], problems: string[]): readonly IssuerConfig[] {
  const wrong = (text: string): undefined => {
    problems.push(`issuers: ${text}`);
    return undefined;
  };
  const seen = new Set<string>();
  return entries.map((entry) => {
    const { name, issuer } = entry;
    for (const one of [`name ${name}`, `issuer ${issuer}`]) {
      if (seen.has(one)) wrong(`the ${one} is used twice`);
      seen.add(one);
    }
    if (entry.audience === "") wrong(`${name}: needs an audience, else it takes tokens for others`);
    for (const one of entry.algorithms) {
      if (!signatures.some((known) => known === one)) {
        wrong(`${name}: the signature "${one}" is none of ${signatures.join(", ")}`);
      }
    }
    const mapped = entry.roles.flatMap((text) => {
      const at = text.lastIndexOf("=");
      const role = roles.find((known) => known === text.slice(at + 1));
      if (at > 0 && role !== undefined) return [{ value: text.slice(0, at), role }];
      wrong(`${name}: "${text}" is no value=role with a role of ${roles.join(", ")}`);
      return [];
    });
    checkGrants(entry, (text) => wrong(`${name}: ${text}`));
    return { ...entry, roles: mapped };
  });
}
