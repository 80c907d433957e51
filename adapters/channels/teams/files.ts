// Files that people have sent: from SharePoint, whose addresses carry their own leave, and pictures from the Bot
// Connector, which wants the bot's token.

import type { FileRef } from "../../../actors/channels/inbound.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { ChannelEnvironment } from "../adapter.ts";
import { type Fields, listIn, memberOf, textIn } from "../sent-json.ts";
import { isFileAddress, isServiceAddress } from "./hosts.ts";
import { teamsLimits } from "./limits.ts";
import type { Tokens } from "./tokens.ts";

const DOWNLOAD = "application/vnd.microsoft.teams.file.download.info";

/** Where files may lie. */
export interface FileHosts {
  readonly fileHosts: readonly string[];
  readonly serviceHosts: readonly string[];
}

/** Those that lie where they may; others are left out. */
export function filesOf(activity: Fields, hosts: FileHosts): FileRef[] {
  return listIn(activity, "attachments")
    .slice(0, teamsLimits.attachments)
    .flatMap((one, at) => fileOf(one, at, hosts) ?? []);
}

function fileOf(attachment: unknown, at: number, hosts: FileHosts): FileRef | null {
  const type = textIn(attachment, "contentType", 200) ?? "";
  const name = textIn(attachment, "name", 255);
  const content = memberOf(attachment, "content");
  const url =
    type === DOWNLOAD
      ? textIn(content, "downloadUrl", 4_000)
      : textIn(attachment, "contentUrl", 4_000);
  if (url === null) return null;
  if (type === DOWNLOAD && isFileAddress(url, hosts.fileHosts)) {
    const extension = (textIn(content, "fileType", 20) ?? "").toLowerCase();
    const id = textIn(content, "uniqueId", 200) ?? String(at);
    const shown = name ?? `file.${extension}`;
    return { id, name: shown, mediaType: "application/octet-stream", bytes: null, at: { url } };
  }
  if (type.startsWith("image/") && isServiceAddress(url, hosts.serviceHosts)) {
    return { id: String(at), name: name ?? "image", mediaType: type, bytes: null, at: { url } };
  }
  return null;
}

/** @throws RuntimeError BODY_TOO_LARGE, URL_REFUSED (none of Microsoft's addresses), URL_FAILED. */
export async function fetchFile(
  file: FileRef,
  bytesMax: number,
  signal: AbortSignal,
  parts: FileHosts & { readonly tokens: Tokens; readonly environment: ChannelEnvironment },
): Promise<Uint8Array> {
  const url = textIn(file.at, "url", 4_000) ?? "";
  const isService = isServiceAddress(url, parts.serviceHosts);
  if (!isService && !isFileAddress(url, parts.fileHosts)) {
    const text = `The file "${file.name}" is not kept by Microsoft: it is not fetched.`;
    throw new RuntimeError("URL_REFUSED", text, { file: file.id });
  }
  // The bot's token is for the service alone: SharePoint's addresses need none.
  const token = isService ? await parts.tokens.current() : null;
  if (token?.ok === false) throw failed(file, token.failed.reason);
  const headers = token === null ? {} : { authorization: `Bearer ${token.token}` };
  const { environment } = parts;
  const answer = await environment.call({ method: "GET", url, headers, signal, bytesMax });
  if (!answer.reached) throw failed(file, answer.reason);
  if (answer.status !== 200) throw failed(file, `Microsoft answered with status ${answer.status}`);
  if (answer.body.byteLength <= bytesMax) return answer.body;
  const text = `The file "${file.name}" is larger than ${bytesMax} bytes.`;
  throw new RuntimeError("BODY_TOO_LARGE", text, { bytesMax });
}

function failed(file: FileRef, why: string): RuntimeError {
  return new RuntimeError("URL_FAILED", `The file "${file.name}" was not fetched: ${why}.`);
}
