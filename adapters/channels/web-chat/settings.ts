// Settings of a web chat, and what is made of them when it opens.

import { type Static, Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { webChatLimits } from "./limits.ts";

const text = (maxLength: number, description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength, description }));
const perMinute = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description }));

/** What an account's settings and secrets may hold. */
export const webChatSettings = Type.Object(
  {
    allowed_origins: Type.Array(Type.String({ maxLength: 300 }), {
      minItems: 1,
      maxItems: webChatLimits.origins,
      description:
        "Pages that may show the chat, as browsers name them: https://www.example.com. `*`: any page.",
    }),
    title: text(80, "Above the chat. Default: Chat."),
    greeting: text(1_000, "Shown before the first message."),
    color: Type.Optional(
      Type.String({
        pattern: "^#[0-9a-fA-F]{6}$",
        description: "Of buttons; white is written on it.",
      }),
    ),
    anonymous: Type.Optional(
      Type.Boolean({
        description: "Whether it serves visitors without a user token. Default true.",
      }),
    ),
    visitor_days: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 365,
        description: "Days after which a visitor who did not come back is another one. Default 30.",
      }),
    ),
    messages_per_minute: perMinute("Messages of one visitor. Default 20."),
    address_messages_per_minute: perMinute("Messages from one address. Default 120."),
    visitor_file_bytes: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: webChatLimits.visitorFileBytes,
        description:
          "Largest file that a visitor may send, bytes, at most 4194304. Default 0: none.",
      }),
    ),
    user_token_issuer: text(300, "`iss` that user tokens must have. Default: not looked at."),
    user_token_audience: text(300, "`aud` that user tokens must have. Default: not looked at."),
    secret: Type.String({
      maxLength: 1_000,
      description:
        "Visitors' tickets are signed with it, at least 32 characters. Several with a space between while it is changed: the first signs.",
    }),
    user_token_secret: Type.Optional(
      Type.String({
        maxLength: 1_000,
        description:
          "The embedding site signs user tokens with it (JWT, HS256, HS384 or HS512, with `sub` and `exp`), at least 32 characters; several with a space between.",
      }),
    ),
  },
  { additionalProperties: false },
);

/** Settings as they are written. */
export type WebChatSettings = Static<typeof webChatSettings>;

/** What an account goes by. */
export interface WebChatRules {
  /** Null: any. */
  readonly origins: ReadonlySet<string> | null;
  /** What the widget shows. */
  readonly look: { readonly title: string; readonly greeting: string; readonly color: string };
  readonly isAnonymous: boolean;
  readonly visitorS: number;
  readonly visitorMessages: number;
  readonly addressMessages: number;
  /** 0: none are taken. */
  readonly visitorFileBytes: number;
  readonly secrets: readonly Uint8Array[];
  readonly userSecrets: readonly Uint8Array[];
  readonly issuer: string | null;
  readonly audience: string | null;
}

const DAY_S = 24 * 3_600;
const COLOR = "#1d5fb8";

/** @throws RuntimeError INVALID with the pointer of what is missing or wrong. */
export function webChatRules(settings: WebChatSettings): WebChatRules {
  const secrets = secretsOf(settings.secret, "secret");
  if (secrets.length === 0) {
    throw invalid(
      "secret",
      `A web chat needs a secret of ${webChatLimits.secretChars} characters.`,
    );
  }
  const userSecrets = secretsOf(settings.user_token_secret ?? "", "user_token_secret");
  const isAnonymous = settings.anonymous ?? true;
  if (!isAnonymous && userSecrets.length === 0) {
    throw invalid("user_token_secret", "Without anonymous visitors it needs a user_token_secret.");
  }
  const origins = settings.allowed_origins.map(originOf);
  return {
    origins: origins.includes("*") ? null : new Set(origins),
    look: {
      title: settings.title ?? "Chat",
      greeting: settings.greeting ?? "",
      color: settings.color ?? COLOR,
    },
    isAnonymous,
    visitorS: (settings.visitor_days ?? webChatLimits.visitorDays) * DAY_S,
    visitorMessages: settings.messages_per_minute ?? webChatLimits.visitorMessages,
    addressMessages: settings.address_messages_per_minute ?? webChatLimits.addressMessages,
    visitorFileBytes: settings.visitor_file_bytes ?? 0,
    secrets,
    userSecrets,
    issuer: settings.user_token_issuer ?? null,
    audience: settings.user_token_audience ?? null,
  };
}

function originOf(text: string, index: number): string {
  if (text === "*") return text;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && /^https?:$/.test(url.protocol) && url.origin === text) return text;
  const example = "https://www.example.com, without a path and in lower case";
  throw invalid(`allowed_origins/${index}`, `This is no origin as browsers name it: ${example}.`);
}

function secretsOf(text: string, name: string): readonly Uint8Array[] {
  const words = text.split(/\s+/).filter((word) => word !== "");
  const { secrets, secretChars } = webChatLimits;
  if (words.length > secrets) throw invalid(name, `An account has at most ${secrets} at once.`);
  if (words.some((word) => word.length < secretChars)) {
    throw invalid(name, `A secret has at least ${secretChars} characters.`);
  }
  return words.map((word) => Buffer.from(word));
}

function invalid(name: string, message: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer: `/${name}` });
}
