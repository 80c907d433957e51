// What a webhook's body says, as an event. README.md beside this file has the schema in words.

import { createHash } from "node:crypto";
import type { ActionEvent, FileRef, MessageEvent } from "../../../actors/channels/inbound.ts";
import { channelLimits } from "../../../actors/channels/limits.ts";
import { type Static, Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { parseJson } from "../../http/body.ts";
import { loadValidator, validate } from "../../http/validate.ts";
import { personSender } from "../person-sender.ts";
import type { WebhookAddress } from "./address.ts";
import { webhookLimits } from "./limits.ts";
import { httpUrl, isHostIn, type WebhookRules } from "./settings.ts";

const closed = { additionalProperties: false } as const;
const id = (description: string) =>
  Type.String({ minLength: 1, maxLength: webhookLimits.idChars, description });

const fileSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 255 }),
    media_type: Type.String({ pattern: "^[A-Za-z0-9.+-]{1,64}/[A-Za-z0-9.+-]{1,64}$" }),
    url: Type.Optional(
      Type.String({
        maxLength: 2_000,
        description: "Fetched when the agent reads it, from the account's file_hosts alone.",
      }),
    ),
    data: Type.Optional(Type.String({ description: "Base64." })),
  },
  closed,
);

/** A body that is posted to a webhook account. */
export const webhookBody = Type.Object(
  {
    conversation: id("The caller's name for it: what it says there is one conversation."),
    user: id("Who speaks."),
    user_name: Type.Optional(Type.String({ maxLength: 200 })),
    thread: Type.Optional(id("Part of the conversation that is one for itself.")),
    text: Type.Optional(Type.String({ maxLength: channelLimits.textChars })),
    files: Type.Optional(Type.Array(fileSchema, { maxItems: channelLimits.files })),
    action: Type.Optional(
      Type.String({
        pattern: "^[A-Za-z0-9_.:-]{1,64}$",
        description: "Of a button that was pressed, in place of a text.",
      }),
    ),
    id: Type.Optional(id("Of the message: the same one again is one message.")),
    callback_url: Type.Optional(
      Type.String({ maxLength: 2_000, description: "On one of the account's callback_hosts." }),
    ),
  },
  closed,
);

type Body = Static<typeof webhookBody>;

/** A body as an event, and the address its answers go to. */
export interface WebhookEvent {
  readonly event: MessageEvent | ActionEvent;
  readonly address: WebhookAddress;
  /** Of the message: its own, or the delivery's. */
  readonly id: string;
}

/**
 * Reads a verified body.
 * @throws RuntimeError BAD_ENCODING, BAD_JSON, TOO_DEEP, INVALID, UNKNOWN_FIELD.
 */
export async function readEvent(
  bytes: Uint8Array,
  of: { readonly delivery: string | null; readonly atMs: number; readonly rules: WebhookRules },
): Promise<WebhookEvent> {
  await loadValidator();
  const parsed = parseJson(bytes);
  validate(webhookBody, parsed);
  const body = parsed as Body;
  const message = body.id ?? of.delivery;
  if (message === null) {
    throw invalid(
      "id",
      "It needs an id, an Idempotency-Key or a webhook-id: without, no repeat is known.",
    );
  }
  const { conversation, thread, user, user_name } = body;
  const address: WebhookAddress = {
    conversation,
    thread: thread ?? null,
    callbackUrl: callbackOf(body, of.rules),
    message,
  };
  const base = {
    dedupe: dedupeOf(body, of.delivery),
    place: { conversation, ...(thread !== undefined && { thread }), user, isDirect: true },
    address: { ...address },
    // The caller has a secret of the account and answers for its users.
    sender: personSender(user, user_name),
    atMs: of.atMs,
  };
  const files = filesOf(body, of.rules);
  const text = body.text ?? "";
  if (body.action !== undefined) {
    if (text !== "" || files.length > 0) {
      throw invalid("action", "An action comes without a text and files.");
    }
    return { event: { kind: "action", action: body.action, ...base }, address, id: message };
  }
  if (text === "" && files.length === 0) throw invalid("text", "It has no text, file or action.");
  const some = files.length > 0 ? { files } : {};
  return { event: { kind: "message", message, text, ...some, ...base }, address, id: message };
}

/** A delivery that comes again has its id; a message that is delivered anew has its own. */
function dedupeOf({ id: own, conversation }: Body, delivery: string | null): readonly string[] {
  const keys: string[] = [];
  if (delivery !== null) keys.push(`d:${delivery}`);
  // Ids of messages are the caller's, of each conversation.
  if (own !== undefined) keys.push(`m:${hashOf(`${conversation.length}:${conversation}${own}`)}`);
  return keys;
}

function callbackOf(body: Body, { callbackUrl, callbackHosts }: WebhookRules): string | null {
  if (body.callback_url === undefined) return callbackUrl;
  const url = httpUrl(body.callback_url);
  if (url !== null && isHostIn(url, callbackHosts)) return body.callback_url;
  throw invalid(
    "callback_url",
    "This is no http(s) address on one of the account's callback_hosts.",
  );
}

function filesOf({ files = [] }: Body, { fileHosts }: WebhookRules): readonly FileRef[] {
  let left: number = webhookLimits.inlineFileBytes;
  return files.map(({ name, media_type, url, data }, index) => {
    const at = `files/${index}`;
    const ref = { id: String(index), name, mediaType: media_type };
    if ((url === undefined) === (data === undefined)) throw invalid(at, "A file has url or data.");
    if (url !== undefined) {
      const parsed = httpUrl(url);
      if (parsed === null || !isHostIn(parsed, fileHosts)) {
        throw invalid(
          `${at}/url`,
          "This is no http(s) address on one of the account's file_hosts.",
        );
      }
      return { ...ref, bytes: null, at: { url } };
    }
    const bytes = base64Bytes(data ?? "", `${at}/data`);
    left -= bytes;
    if (left < 0) {
      const limit = webhookLimits.inlineFileBytes;
      throw invalid(
        `${at}/data`,
        `Files within a body have at most ${limit} bytes in all; larger ones come by url.`,
      );
    }
    return { ...ref, bytes, at: { data } };
  });
}

function base64Bytes(data: string, at: string): number {
  const bytes = Buffer.from(data, "base64");
  if (bytes.toString("base64") === data) return bytes.length;
  throw invalid(at, "This is no base64.");
}

function invalid(at: string, message: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer: `/${at}` });
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
