// Files that people send: getFile says where one is, below the bot's own address.

import type { FileRef } from "../../../actors/channels/inbound.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { withoutSecrets } from "../platform-answer.ts";
import { textIn } from "../sent-json.ts";
import { type Api, callMethod } from "./api.ts";
import { numberIn } from "./place.ts";

/** A path of Telegram's, never one that leads out of the bot's folder. */
const PATH = /^(?!.*\.\.)[\w-][\w./-]{0,300}$/;

/**
 * The bytes of a file; the Bot API gives files of up to 20 MB.
 * @throws RuntimeError BODY_TOO_LARGE above `bytesMax`, URL_FAILED, URL_REFUSED, INVALID for another adapter's file.
 */
export async function fetchMedia(
  api: Api,
  file: FileRef,
  bytesMax: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const id = textIn(file.at, "file", 300);
  if (id === null) throw new RuntimeError("INVALID", "This is no file of Telegram.");
  const called = await callMethod(api, "getFile", { file_id: id }, { signal, attempt: 1 });
  if (!called.ok) throw failed(called.failed.reason);
  const size = numberIn(called.result, "file_size") ?? 0;
  if (size > bytesMax) throw tooLarge(bytesMax, size);
  const path = textIn(called.result, "file_path", 400) ?? "";
  if (!PATH.test(path)) throw new RuntimeError("URL_REFUSED", "Telegram gave no path of a file.");
  const url = `${api.url}/file/bot${api.settings.bot_token}/${path}`;
  const answer = await api.environment.call({ method: "GET", url, signal, bytesMax });
  if (!answer.reached) throw failed(withoutSecrets(answer.reason, api.secrets));
  if (answer.status !== 200) throw failed(`Telegram answered ${answer.status}.`);
  if (answer.body.byteLength > bytesMax) throw tooLarge(bytesMax, answer.body.byteLength);
  return answer.body;
}

function failed(why: string): RuntimeError {
  return new RuntimeError("URL_FAILED", `The file could not be fetched: ${why}`);
}

function tooLarge(bytesMax: number, bytes: number): RuntimeError {
  const text = `The file has ${bytes} bytes; at most ${bytesMax} are fetched.`;
  return new RuntimeError("BODY_TOO_LARGE", text);
}
