// Settings of a webhook account, and what is made of them when it opens.

import { type Static, Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { type HostRule, hostOf, hostRule } from "../../egress-address.ts";
import { headerKey, type SigningRules, secretsIn, standardKey } from "../../signed-webhook.ts";
import { webhookLimits } from "./limits.ts";

const hosts = (description: string) =>
  Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 260 }), { maxItems: 50, description }),
  );

/** What an account's settings and secrets may hold. */
export const webhookSettings = Type.Object(
  {
    reply: Type.Optional(
      Type.Union([Type.Literal("callback"), Type.Literal("poll"), Type.Literal("sync")], {
        description:
          "How answers get back. callback: a signed POST to callback_url. poll (default): the 202 names a status URL. " +
          "sync: in the response itself when it is ready within sync_wait seconds, else as poll.",
      }),
    ),
    callback_url: Type.Optional(
      Type.String({ maxLength: 2_000, description: "Where answers are posted." }),
    ),
    callback_hosts: hosts(
      "Hosts that a message's own callback_url may name: api.example.com, *.example.com, each with :port where it is another. Default: none.",
    ),
    file_hosts: hosts("Hosts from which files of a message are fetched by URL. Default: none."),
    sync_wait: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: webhookLimits.syncWaitS,
        description: "Seconds that a synchronous request waits for its answer. Default 20.",
      }),
    ),
    legacy_header: Type.Optional(
      Type.String({
        pattern: "^[A-Za-z0-9-]{1,64}$",
        description:
          "A header with `sha256=<hex HMAC-SHA256 of the body>` under legacy_secret, taken where there is no webhook-signature: X-Hub-Signature-256.",
      }),
    ),
    secret: Type.Optional(
      Type.String({
        maxLength: 1_000,
        description:
          "Secret of Standard Webhooks, `whsec_` and base64 of 24 to 64 bytes. Several, with a space between them, while it is being changed: all are taken, the answers are signed with all.",
      }),
    ),
    legacy_secret: Type.Optional(
      Type.String({
        maxLength: 1_000,
        description:
          "Secret of legacy_header, at least 16 characters; several with a space between.",
      }),
    ),
  },
  { additionalProperties: false },
);

/** Settings as they are written. */
export type WebhookSettings = Static<typeof webhookSettings>;

/** What an account goes by. */
export interface WebhookRules extends SigningRules {
  readonly reply: "callback" | "poll" | "sync";
  readonly callbackUrl: string | null;
  readonly callbackHosts: readonly HostRule[];
  readonly fileHosts: readonly HostRule[];
  readonly syncWaitMs: number;
  /** As they are written. */
  readonly secrets: readonly string[];
}

const SYNC_WAIT_S = 20;

/** @throws RuntimeError INVALID with the pointer of what is missing or wrong. */
export function webhookRules(settings: WebhookSettings): WebhookRules {
  const secrets = secretsIn(settings.secret, "/secret");
  const legacy = secretsIn(settings.legacy_secret, "/legacy_secret");
  if (secrets.length === 0 && legacy.length === 0) {
    throw invalid("secret", "A webhook needs a secret: whsec_ and the base64 of 24 to 64 bytes.");
  }
  if (legacy.length > 0 !== (settings.legacy_header !== undefined)) {
    const name = legacy.length > 0 ? "legacy_header" : "legacy_secret";
    throw invalid(name, "legacy_header and legacy_secret go together.");
  }
  const legacyKeys = legacy.map((secret) => headerKey(secret, "/legacy_secret"));
  const { reply = "poll", callback_url = null } = settings;
  const callbackHosts = rulesOf(settings.callback_hosts, "callback_hosts");
  if (callback_url !== null && httpUrl(callback_url) === null) {
    throw invalid("callback_url", "This is no http or https address without credentials.");
  }
  if (reply === "callback" && callback_url === null && callbackHosts.length === 0) {
    throw invalid("callback_url", "reply: callback needs a callback_url or callback_hosts.");
  }
  if (reply === "callback" && secrets.length === 0) {
    throw invalid("secret", "reply: callback needs a secret, with which answers are signed.");
  }
  return {
    reply,
    callbackUrl: callback_url,
    callbackHosts,
    fileHosts: rulesOf(settings.file_hosts, "file_hosts"),
    syncWaitMs: (settings.sync_wait ?? SYNC_WAIT_S) * 1_000,
    legacyHeader: settings.legacy_header?.toLowerCase() ?? null,
    secrets,
    keys: secrets.map((secret) => standardKey(secret, "/secret")),
    legacyKeys,
  };
}

/** An http(s) address without credentials, or null. */
export function httpUrl(text: string): URL | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  const isHttp = url.protocol === "https:" || url.protocol === "http:";
  return isHttp && url.username === "" && url.password === "" ? url : null;
}

/** Whether one of the rules means an address. A rule without a port means the usual one. */
export function isHostIn(url: URL, rules: readonly HostRule[]): boolean {
  const host = hostOf(url);
  return rules.some(({ host: named, isBelow, port }) => {
    if ((port ?? "") !== url.port) return false;
    return isBelow ? host.endsWith(`.${named}`) : host === named;
  });
}

function rulesOf(names: readonly string[] | undefined, setting: string): readonly HostRule[] {
  return (names ?? []).map((name, index) => {
    const rule = hostRule(name);
    if (rule !== null) return rule;
    throw invalid(`${setting}/${index}`, "This is no host: api.example.com, *.example.com.");
  });
}

function invalid(name: string, message: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer: `/${name}` });
}
