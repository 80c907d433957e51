// Files that a message of Slack brings along.

import type { FileRef } from "../../../actors/channels/inbound.ts";
import { channelLimits } from "../../../actors/channels/limits.ts";
import { type Fields, listIn, memberOf, textIn } from "../sent-json.ts";
import { slackLimits } from "./limits.ts";

/** Those that are there: Slack names files that are gone or hidden as well. */
export function filesOf(event: Fields): FileRef[] {
  return listIn(event, "files")
    .slice(0, channelLimits.files * 2)
    .flatMap((file) => fileOf(file) ?? []);
}

function fileOf(file: unknown): FileRef | null {
  const id = textIn(file, "id", 80);
  const mode = textIn(file, "mode");
  if (id === null || mode === "tombstone" || mode === "hidden_by_limit") return null;
  const bytes = memberOf(file, "size");
  const url = textIn(file, "url_private_download", 4_000) ?? textIn(file, "url_private", 4_000);
  return {
    id,
    name: (textIn(file, "name") ?? textIn(file, "title") ?? id).slice(0, slackLimits.fileName),
    mediaType: textIn(file, "mimetype", 200) ?? "application/octet-stream",
    bytes: typeof bytes === "number" && Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : null,
    // Of files from connected workspaces Slack names the id alone: their address has to be asked for.
    at: { id, ...(url !== null && { url }) },
  };
}
