// Files that people sent, fetched with our token: from Slack's own hosts alone, and no more of them than is
// allowed.

import type { FileRef } from "../../../actors/channels/inbound.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { textIn } from "../sent-json.ts";
import { asError } from "./classify.ts";
import { objectIn } from "./fields.ts";
import { isSlackAddress } from "./hosts.ts";
import type { FileParts } from "./outgoing-files.ts";

/** @throws RuntimeError BODY_TOO_LARGE, URL_REFUSED (no address of Slack's), URL_FAILED, UNAUTHENTICATED. */
export async function fetchFile(
  file: FileRef,
  bytesMax: number,
  signal: AbortSignal,
  parts: FileParts,
): Promise<Uint8Array> {
  if (file.bytes !== null && file.bytes > bytesMax) throw tooLarge(file, bytesMax);
  const url = textIn(file.at, "url", 4_000) ?? (await askedFor(file, signal, parts));
  if (!isSlackAddress(url, parts.apiUrl)) {
    const text = `The file "${file.name}" is not kept by Slack: it is not fetched.`;
    throw new RuntimeError("URL_REFUSED", text, { file: file.id });
  }
  const token = await parts.api.token();
  if (!token.ok) throw asError(token.failure);
  const headers = { authorization: `Bearer ${token.token}` };
  const answer = await parts.environment.call({ method: "GET", url, headers, signal, bytesMax });
  if (!answer.reached) throw failed(file, answer.reason);
  if (answer.status !== 200) throw failed(file, `Slack answered with status ${answer.status}`);
  if (answer.body.byteLength > bytesMax) throw tooLarge(file, bytesMax);
  const type = answer.headers["content-type"] ?? "";
  if (/^text\/html\b/i.test(type) && !/^text\/html\b/i.test(file.mediaType)) {
    throw failed(file, "Slack answered with its login page: the app needs the scope files:read");
  }
  return answer.body;
}

/** Of files from connected workspaces Slack tells the address when it is asked. */
async function askedFor(file: FileRef, signal: AbortSignal, { api }: FileParts): Promise<string> {
  const info = await api.call("files.info", { file: file.id }, signal);
  if (!info.ok) throw asError(info);
  const found = objectIn(info.body, "file");
  return textIn(found, "url_private_download", 4_000) ?? textIn(found, "url_private", 4_000) ?? "";
}

function tooLarge(file: FileRef, bytesMax: number): RuntimeError {
  const text = `The file "${file.name}" is larger than ${bytesMax} bytes.`;
  return new RuntimeError("BODY_TOO_LARGE", text, { bytesMax });
}

function failed(file: FileRef, why: string): RuntimeError {
  return new RuntimeError("URL_FAILED", `The file "${file.name}" was not fetched: ${why}.`);
}
