// A part as the body of a call: JSON, or a form where a file goes along.

import { createHash } from "node:crypto";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { ChannelEnvironment } from "../adapter.ts";
import type { Failed } from "../platform-answer.ts";
import type { DiscordPart } from "./render.ts";

/** Links are not unfolded: what a model writes is not fetched by Discord on its own. */
const SUPPRESS_EMBEDS = 4;
const SNOWFLAKE = /^\d{1,20}$/;

/** What a message of ours has. */
export function contentOf(
  { content, components = [], file }: DiscordPart,
  more: object = {},
): object {
  return {
    ...{ content, components, flags: SUPPRESS_EMBEDS, allowed_mentions: { parse: [] } },
    ...(file !== undefined && { attachments: [{ id: 0, filename: file.name }] }),
    ...more,
  };
}

/** What a plain message has besides: a second one with its nonce gives back the first. */
export function plainFields({ answers }: DiscordPart, key: string): object {
  const isMessage = answers !== undefined && SNOWFLAKE.test(answers);
  return {
    ...{ nonce: nonceOf(key), enforce_nonce: true },
    ...(isMessage && { message_reference: { message_id: answers, fail_if_not_exists: false } }),
  };
}

/** Of a key, 25 characters as Discord takes them: the same for every attempt. */
export function nonceOf(key: string): string {
  return createHash("sha256").update(key).digest("base64url").slice(0, 25);
}

/** The body with its file's bytes, or why there is none. */
export async function encodedPart(
  { file }: DiscordPart,
  fields: object,
  environment: ChannelEnvironment,
): Promise<{ readonly body: object | FormData } | { readonly failed: Failed }> {
  if (file === undefined) return { body: fields };
  try {
    const bytes = await environment.readFile(file);
    const form = new FormData();
    form.set("payload_json", JSON.stringify(fields));
    form.set("files[0]", new Blob([Uint8Array.from(bytes)], { type: file.mediaType }), file.name);
    return { body: form };
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    const reason = error.message.slice(0, 300);
    return { failed: { ok: false, class: error.retryable ? "retry" : "format", reason } };
  }
}
