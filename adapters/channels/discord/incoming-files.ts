// Files that people have sent, and how they are fetched: from Discord's own hosts alone, without the bot's
// token, which their signed addresses do not need.

import type { FileRef } from "../../../actors/channels/inbound.ts";
import { channelLimits } from "../../../actors/channels/limits.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { ChannelEnvironment } from "../adapter.ts";
import { listIn, memberOf, textIn } from "../sent-json.ts";
import { isFileAddress } from "./hosts.ts";
import { discordLimits } from "./limits.ts";
import { idIn } from "./place.ts";

/** Those of a message. */
export function filesIn(message: unknown): FileRef[] {
  return listIn(message, "attachments")
    .slice(0, channelLimits.files * 2)
    .flatMap((one) => fileOf(one) ?? []);
}

/** An attachment; null for what is none. */
export function fileOf(attachment: unknown): FileRef | null {
  const id = idIn(attachment, "id");
  const url = textIn(attachment, "url", 4_000);
  if (id === null || url === null) return null;
  const size = memberOf(attachment, "size");
  return {
    id,
    name: textIn(attachment, "filename", discordLimits.fileName) ?? id,
    mediaType: textIn(attachment, "content_type", 200) ?? "application/octet-stream",
    bytes: typeof size === "number" && Number.isSafeInteger(size) && size >= 0 ? size : null,
    at: { url },
  };
}

/** @throws RuntimeError BODY_TOO_LARGE, URL_REFUSED (no address of Discord's), URL_FAILED. */
export async function fetchFile(
  file: FileRef,
  bytesMax: number,
  signal: AbortSignal,
  { apiUrl, environment }: { readonly apiUrl: string; readonly environment: ChannelEnvironment },
): Promise<Uint8Array> {
  if (file.bytes !== null && file.bytes > bytesMax) throw tooLarge(file, bytesMax);
  const url = textIn(file.at, "url", 4_000) ?? "";
  if (!isFileAddress(url, apiUrl)) {
    const text = `The file "${file.name}" is not kept by Discord: it is not fetched.`;
    throw new RuntimeError("URL_REFUSED", text, { file: file.id });
  }
  const answer = await environment.call({ method: "GET", url, signal, bytesMax });
  if (!answer.reached) throw failed(file, answer.reason);
  if (answer.status !== 200) throw failed(file, `Discord answered with status ${answer.status}`);
  if (answer.body.byteLength > bytesMax) throw tooLarge(file, bytesMax);
  return answer.body;
}

function tooLarge(file: FileRef, bytesMax: number): RuntimeError {
  const text = `The file "${file.name}" is larger than ${bytesMax} bytes.`;
  return new RuntimeError("BODY_TOO_LARGE", text, { bytesMax });
}

function failed(file: FileRef, why: string): RuntimeError {
  return new RuntimeError("URL_FAILED", `The file "${file.name}" was not fetched: ${why}.`);
}
