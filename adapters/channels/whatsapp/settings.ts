// What an account at the WhatsApp Cloud API is set up with.

import { type Static, Type } from "../../../actors/schema.ts";

const graphId = (description: string) =>
  Type.String({ pattern: "^[0-9]{1,40}$", maxLength: 40, description });
const secret = (description: string) =>
  Type.String({ minLength: 1, maxLength: 20_000, description });

/** Sent where only a template may be: after 24 hours without a message of theirs. */
const template = Type.Object(
  {
    name: Type.String({
      pattern: "^[a-z0-9_]{1,512}$",
      description: "Name of an approved template without header and buttons.",
    }),
    language: Type.String({
      pattern: "^[a-z]{2,3}(_[A-Za-z]{2,4})?$",
      description: "Language it is approved in, as en_US.",
    }),
    parameters: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 1_024 }), {
        maxItems: 20,
        description: "Values of {{1}}, {{2}}, ... of its body; {name} is the correspondent's name.",
      }),
    ),
  },
  {
    additionalProperties: false,
    description: "Sent where only a template may be: after 24 hours without a message of theirs.",
  },
);

/** Settings and secrets of an account. */
export const whatsappSettings = Type.Object(
  {
    phone_number_id: graphId("Id of the business's telephone number at Meta; not the number."),
    more_phone_number_ids: Type.Optional(
      Type.Array(graphId("Id of a telephone number."), {
        maxItems: 50,
        description:
          "Further numbers of the same app that are answered here, each from its own number.",
      }),
    ),
    business_account_id: Type.Optional(
      graphId("Id of the WhatsApp Business Account: lets a check look at its webhooks."),
    ),
    app_id: Type.Optional(graphId("Id of the app: lets a check look at the token.")),
    access_token: secret("Token of a system user with whatsapp_business_messaging."),
    app_secret: secret(
      "The app's secret, which webhooks are signed with; several with commas while it is replaced.",
    ),
    verify_token: secret("The word that Meta sends when the webhook is set up; chosen freely."),
    template: Type.Optional(template),
    preview_url: Type.Optional(
      Type.Boolean({
        description: "Whether links are shown with a preview, which is fetched. Default false.",
      }),
    ),
    choose_text: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description: 'Said above buttons that stand apart from a text. Default "Please choose:".',
      }),
    ),
    api_url: Type.Optional(
      Type.String({
        pattern: "^https?://[^\\s?#]+$",
        maxLength: 500,
        description: "Default https://graph.facebook.com.",
      }),
    ),
    api_version: Type.Optional(
      Type.String({ pattern: "^v[0-9]{1,3}\\.[0-9]$", description: "Default v25.0." }),
    ),
    media_hosts: Type.Optional(
      Type.Array(Type.String({ pattern: "^[a-z0-9.-]{1,253}$" }), {
        maxItems: 20,
        description: "Hosts that files come from besides Meta's own, such as a proxy's.",
      }),
    ),
  },
  { additionalProperties: false },
);

/** Of an account. */
export type WhatsAppSettings = Static<typeof whatsappSettings>;

/** Those of them that are secret. */
export const whatsappSecrets = ["access_token", "app_secret", "verify_token"] as const;

/** Where the Graph API is. */
export const GRAPH_URL = "https://graph.facebook.com";
/** Its version that this adapter was written against. */
export const GRAPH_VERSION = "v25.0";

/** Every secret of the app: the one in use, and those that are being replaced. */
export function appSecrets(settings: WhatsAppSettings): string[] {
  return settings.app_secret.split(/[\s,]+/).filter((one) => one !== "");
}
