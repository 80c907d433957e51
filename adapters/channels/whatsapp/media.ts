// Files that people send: Meta gives an address for five minutes, which is fetched with the account's token,
// and so from Meta's hosts alone.

import type { FileRef } from "../../../actors/channels/inbound.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { PlatformAnswer } from "../adapter.ts";
import { jsonIn } from "../platform-answer.ts";
import { memberOf, textIn } from "../sent-json.ts";
import { failureOf } from "./errors.ts";
import { callGraph, type Graph } from "./graph.ts";

const MEDIA_ID = /^[A-Za-z0-9_-]{1,200}$/;
/** Of Meta, and hosts below them. */
const META_HOSTS = ["facebook.com", "fbsbx.com", "fbcdn.net", "whatsapp.net"];

/**
 * The bytes of a file.
 * @throws RuntimeError BODY_TOO_LARGE above `bytesMax`; URL_REFUSED for an address that is not Meta's;
 * URL_FAILED for what cannot be had; INVALID for a file of another adapter.
 */
export async function fetchMedia(
  graph: Graph,
  file: FileRef,
  bytesMax: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const id = textIn(file.at, "media", 201) ?? "";
  if (!MEDIA_ID.test(id)) throw new RuntimeError("INVALID", "This is no file of WhatsApp.");
  const about = await callGraph(graph, id, { method: "GET", signal });
  const found = jsonIn(bytesOf(graph, about));
  const size = memberOf(found, "file_size");
  if (typeof size === "number" && size > bytesMax) throw tooLarge(bytesMax, size);
  const url = allowedUrl(graph, textIn(found, "url", 4_000) ?? "");
  const answer = await graph.environment.call({
    method: "GET",
    url,
    headers: { authorization: `Bearer ${graph.settings.access_token}`, "user-agent": "troupe" },
    signal,
    bytesMax,
  });
  const bytes = bytesOf(graph, answer);
  if (bytes.byteLength > bytesMax) throw tooLarge(bytesMax, bytes.byteLength);
  return bytes;
}

// The token goes nowhere else, whatever an answer says.
function allowedUrl(graph: Graph, address: string): string {
  const url = URL.canParse(address) ? new URL(address) : null;
  const refused = (why: string) =>
    new RuntimeError("URL_REFUSED", `The address that WhatsApp gave for the file ${why}.`);
  if (url === null) throw refused("is none");
  if (url.origin === new URL(graph.url).origin) return url.href;
  if (url.protocol !== "https:" || url.port !== "") throw refused("is not https on its usual port");
  const isMeta = META_HOSTS.some(
    (host) => url.hostname === host || url.hostname.endsWith(`.${host}`),
  );
  if (isMeta || graph.settings.media_hosts?.includes(url.hostname) === true) return url.href;
  throw refused("is not at a host of Meta");
}

function bytesOf(graph: Graph, answer: PlatformAnswer): Uint8Array {
  if (answer.reached && answer.status >= 200 && answer.status < 300) return answer.body;
  const { secrets, environment } = graph;
  const { reason } = failureOf(answer, { attempt: 1, nowMs: environment.nowMs(), secrets });
  throw new RuntimeError("URL_FAILED", `The file could not be fetched: ${reason}`);
}

function tooLarge(bytesMax: number, bytes: number): RuntimeError {
  return new RuntimeError(
    "BODY_TOO_LARGE",
    `The file has ${bytes} bytes; at most ${bytesMax} are fetched.`,
  );
}
