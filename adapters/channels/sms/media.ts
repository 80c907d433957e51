// Files that people send: at Twilio with the account's token, which hands on to a store without it.

import type { FileRef } from "../../../actors/channels/inbound.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { PlatformAnswer } from "../adapter.ts";
import { textIn } from "../sent-json.ts";
import { type Api, secretsOf } from "./api.ts";
import { failureOf } from "./errors.ts";

/** Where Twilio keeps files, and hosts below them. */
const STORES = ["twilio.com", "twiliocdn.com", "amazonaws.com"];

/** The bytes of a file. @throws RuntimeError BODY_TOO_LARGE, URL_FAILED, URL_REFUSED. */
export async function fetchMedia(
  api: Api,
  file: FileRef,
  bytesMax: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const url = allowed(
    textIn(file.at, "url", 1_001) ?? "",
    [new URL(api.url).origin],
    ["twilio.com"],
  );
  const { authorization } = api;
  const call = { method: "GET", signal, bytesMax } as const;
  let answer = await api.environment.call({ ...call, url, headers: { authorization } });
  const next = answer.reached && answer.status >= 300 ? answer.headers["location"] : undefined;
  // Once, and without the token: the store's address is signed.
  if (next !== undefined) {
    answer = await api.environment.call({ ...call, url: allowed(next, [], STORES) });
  }
  return bytesOf(api, answer, bytesMax);
}

function bytesOf(api: Api, answer: PlatformAnswer, bytesMax: number): Uint8Array {
  if (answer.reached && answer.status === 200) {
    if (answer.body.byteLength <= bytesMax) return answer.body;
    const text = `The file has more than ${bytesMax} bytes, which are fetched at most.`;
    throw new RuntimeError("BODY_TOO_LARGE", text);
  }
  const about = { attempt: 1, nowMs: api.environment.nowMs(), secrets: secretsOf(api) };
  const { reason } = failureOf(answer, about);
  throw new RuntimeError("URL_FAILED", `The file could not be fetched: ${reason}`);
}

function allowed(address: string, origins: readonly string[], hosts: readonly string[]): string {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url !== null && origins.includes(url.origin)) return url.href;
  const isThere = hosts.some(
    (host) => url?.hostname === host || url?.hostname.endsWith(`.${host}`),
  );
  if (url?.protocol === "https:" && url.port === "" && isThere) return url.href;
  throw new RuntimeError("URL_REFUSED", "The address of the file is not at Twilio.");
}
