// What a delivery says, as whoever works is given it: the body as JSON or text, and the headers that say what it is of.
// Those are not signed.

import { isUtf8 } from "node:buffer";
import { triggerLimits } from "../../actors/records/trigger.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { parseJson } from "../http/body.ts";
import type { SignedDelivery } from "../signed-webhook.ts";

/** Of GitHub, GitLab, Gitea, Shopify and others: `x-github-event`, `x-github-delivery`, `x-shopify-topic`. */
const TELLING = /^x-[a-z0-9-]{1,40}-(event|delivery|topic)$/;
/** Such headers of one delivery, and characters of each. */
const HEADERS_MAX = 8;
const HEADER_CHARS_MAX = 200;
const JSON_TYPE = /^application\/(json|[\w.+-]+\+json)$/;

/** What it says. @throws BAD_JSON, BAD_ENCODING, TOO_DEEP, INVALID, BODY_TOO_LARGE. */
export function hookData({ headers, body }: SignedDelivery): object {
  const telling = Object.entries(headers)
    .filter(([name]) => TELLING.test(name))
    .slice(0, HEADERS_MAX)
    .map(([name, value]) => [name, value.slice(0, HEADER_CHARS_MAX)]);
  const data = {
    body: bodyOf(headers["content-type"], body),
    ...(telling.length > 0 && { headers: Object.fromEntries(telling) }),
  };
  if (Buffer.byteLength(JSON.stringify(data)) <= triggerLimits.hookDataBytes) return data;
  const message = `What is delivered has at most ${triggerLimits.hookDataBytes} bytes as JSON.`;
  throw new RuntimeError("BODY_TOO_LARGE", message);
}

function bodyOf(type: string | undefined, bytes: Uint8Array): unknown {
  const essence = type?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (bytes.byteLength > 0 && JSON_TYPE.test(essence)) return parseJson(bytes);
  if (isUtf8(bytes)) return Buffer.from(bytes).toString();
  throw new RuntimeError("BAD_ENCODING", "The body is neither JSON nor text in UTF-8.");
}
