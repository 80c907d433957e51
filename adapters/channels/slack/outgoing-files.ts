// Files to Slack, in its three steps: an address to upload to, the bytes, and saying where the file is shown.
// Nothing is seen by anybody before the third.

import type { ChannelData } from "../../../actors/channels/inbound.ts";
import type { OutgoingFile, SendResult } from "../../../actors/channels/outgoing.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { ChannelEnvironment, SendOptions } from "../adapter.ts";
import { textIn } from "../sent-json.ts";
import type { SlackApi } from "./api.ts";
import { type ApiFailure, apiResult, sendFailure } from "./classify.ts";
import { isSlackAddress } from "./hosts.ts";
import { addressOf } from "./place.ts";

/** What files are sent with. */
export interface FileParts {
  readonly api: SlackApi;
  readonly apiUrl: string;
  readonly environment: ChannelEnvironment;
}

/** Uploads a file and shows it at an address. */
export async function sendFile(
  file: OutgoingFile,
  address: ChannelData,
  { signal }: SendOptions,
  parts: FileParts,
): Promise<SendResult> {
  const to = addressOf(address);
  if (to === null)
    return { ok: false, class: "gone", reason: "The address is of no conversation." };
  const uploaded = await upload(file, signal, parts);
  if (typeof uploaded !== "string") return sendFailure(notShown(uploaded));
  const shown = await parts.api.call(
    "files.completeUploadExternal",
    {
      files: [{ id: uploaded, title: file.name }],
      channel_id: to.channel,
      thread_ts: to.thread ?? undefined,
    },
    signal,
  );
  if (!shown.ok) return sendFailure(shown);
  return { ok: true, receipt: { id: `file:${uploaded}` } };
}

/** @returns the file's id at Slack, or why there is none. */
async function upload(
  file: OutgoingFile,
  signal: AbortSignal,
  { api, apiUrl, environment }: FileParts,
): Promise<string | ApiFailure> {
  let bytes: Uint8Array;
  try {
    bytes = await environment.readFile(file);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    const failed = error.retryable ? "retry" : "format";
    return { ok: false, class: failed, code: "", reason: error.message.slice(0, 300) };
  }
  const name = { filename: file.name, length: bytes.byteLength };
  const place = await api.call("files.getUploadURLExternal", name, signal);
  if (!place.ok) return place;
  const url = textIn(place.body, "upload_url", 4_000);
  const id = textIn(place.body, "file_id", 80);
  if (url === null || id === null || !isSlackAddress(url, apiUrl)) {
    const reason = "Slack's files.getUploadURLExternal: no address of Slack's to upload to";
    return { ok: false, class: "retry", code: "", reason };
  }
  const answer = await environment.call({
    ...{ method: "POST" as const, url, body: bytes, signal },
    headers: { "content-type": "application/octet-stream" },
  });
  if (answer.reached && answer.status === 200) return id;
  const failed = apiResult("upload of a file", answer, environment.nowMs());
  return failed.ok ? id : failed;
}

/** What may have happened before the third step was not seen by anybody: it is begun again. */
function notShown(failed: ApiFailure): ApiFailure {
  return failed.class === "unknown" ? { ...failed, class: "retry" } : failed;
}
