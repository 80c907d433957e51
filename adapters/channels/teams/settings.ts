// What an account at Microsoft Teams is set up with, and what of it goes together.

import { type Static, Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";

const url = (description: string) =>
  Type.Optional(Type.String({ pattern: "^https?://[^\\s?#]+$", maxLength: 500, description }));
const hosts = (description: string) =>
  Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 260 }), { maxItems: 50, description }),
  );

/** Settings and secrets of an account. */
export const teamsSettings = Type.Object(
  {
    app_id: Type.String({
      minLength: 1,
      maxLength: 100,
      description: "Microsoft App ID of the Azure Bot: a UUID.",
    }),
    app_password: Type.String({
      minLength: 1,
      maxLength: 1_000,
      description: "A client secret of that app.",
    }),
    tenant_id: Type.Optional(
      Type.String({
        pattern: "^[A-Za-z0-9.-]{1,100}$",
        description:
          "Directory that gives the bot its tokens: of a single-tenant bot its own. Default botframework.com, for multi-tenant bots.",
      }),
    ),
    tenants: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 100 }), {
        minItems: 1,
        maxItems: 100,
        description: "Directories whose people are heard, by id. Default: whoever has the app.",
      }),
    ),
    service_hosts: hosts(
      "Hosts besides Microsoft's own that messages may be sent to, with the bot's token. Default none.",
    ),
    file_hosts: hosts("Hosts besides SharePoint's that files are fetched from. Default none."),
    login_url: url(
      "Where tokens are given. Default https://login.microsoftonline.com; of clouds of authorities their own.",
    ),
    metadata_url: url(
      "OpenID metadata of the Bot Connector. Default https://login.botframework.com/v1/.well-known/openidconfiguration.",
    ),
    issuer: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 500,
        description: "Who signs what comes. Default https://api.botframework.com.",
      }),
    ),
  },
  { additionalProperties: false },
);

/** Of an account. */
export type TeamsSettings = Static<typeof teamsSettings>;

/** Those of them that are secret. */
export const teamsSecrets = ["app_password"] as const;

/** Where an account's keys and tokens come from. */
export function addressesOf(settings: TeamsSettings) {
  const login = (settings.login_url ?? "https://login.microsoftonline.com").replace(/\/+$/, "");
  const tenant = settings.tenant_id ?? "botframework.com";
  return {
    metadata:
      settings.metadata_url ?? "https://login.botframework.com/v1/.well-known/openidconfiguration",
    token: `${login}/${tenant}/oauth2/v2.0/token`,
    issuer: settings.issuer ?? "https://api.botframework.com",
  };
}

/** @throws RuntimeError INVALID with the pointer of what is missing or of the wrong kind. */
export function checkSettings(settings: TeamsSettings): void {
  const { app_id: id, app_password: password } = settings;
  if (!/^[A-Za-z0-9-]+$/.test(id)) throw wrong("app_id", "is no app's id");
  if (password.trim() === "") throw wrong("app_password", "is empty");
}

function wrong(name: string, what: string): RuntimeError {
  return new RuntimeError("INVALID", `The setting ${name} of Teams ${what}.`, {
    pointer: `/${name}`,
  });
}
