// What an account has of the outside: HTTP through the egress guard, what it keeps, files, time. A call
// never throws: what became of it is a value that says whether it may have arrived.

import { channelLimits } from "../../actors/channels/limits.ts";
import type { OutgoingFile } from "../../actors/channels/outgoing.ts";
import { RuntimeError, toErrorData } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import type { Egress } from "../egress.ts";
import type { ChannelEnvironment, Kept, PlatformAnswer, PlatformRequest } from "./adapter.ts";
import { type Hide, hidingLog } from "./hidden-secrets.ts";
import type { Mailbox } from "./mailbox.ts";

/** Of an answer, where the request does not say. */
const ANSWER_BYTES = 1024 * 1024;

/** What it is made of. */
export interface EnvironmentParts {
  readonly egress: Pick<Egress, "request">;
  readonly log: Log;
  readonly kept: Kept;
  readonly hide: Hide;
  readonly mailbox?: Mailbox;
  nowMs(): number;
  readFile(tenant: string, file: OutgoingFile): Promise<Uint8Array>;
  resolveHost?(host: string): Promise<string>;
  readonly connect?: ChannelEnvironment["connect"];
}

/** Of one account. */
export function environmentOf(
  { tenant, id }: { readonly tenant: string; readonly id: string },
  { egress, log, kept, hide, nowMs, readFile, resolveHost, connect, mailbox }: EnvironmentParts,
): ChannelEnvironment {
  return {
    account: id,
    call: (request) => called(egress, tenant, request, hide),
    nowMs,
    log: hidingLog(log, id, hide),
    kept,
    ...(mailbox && { mailbox }),
    readFile: (file) => readFile(tenant, file),
    ...(resolveHost && { resolveHost }),
    ...(connect && { connect }),
  };
}

async function called(
  egress: Pick<Egress, "request">,
  tenant: string,
  { method, url, headers, body, signal, bytesMax = ANSWER_BYTES }: PlatformRequest,
  hide: Hide,
): Promise<PlatformAnswer> {
  const { callMs } = channelLimits;
  let isAnswered = false;
  try {
    const response = await egress.request({
      ...{ url, method, signal, tenant, redirects: "show" },
      ...(headers && { headers }),
      ...(body !== undefined && { body }),
      limits: { firstByteMs: callMs, idleMs: callMs, totalMs: 2 * callMs, bytesMax },
    });
    isAnswered = true;
    const pieces: Buffer[] = [];
    await response.read((piece) => pieces.push(piece));
    const { status } = response;
    return {
      reached: true,
      status,
      headers: joined(response.headers),
      body: Buffer.concat(pieces),
    };
  } catch (error) {
    const mayHaveArrived = isAnswered || !neverLeft(error);
    return { reached: false, mayHaveArrived, reason: hide(toErrorData(error).message) };
  }
}

/** Whether nobody can have got the request: it was refused here, or no connection came about. */
function neverLeft(error: unknown): boolean {
  if (!(error instanceof RuntimeError)) return true;
  if (error.code === "EGRESS_REFUSED") return !error.message.includes("it answered");
  if (error.code === "POOL_FULL") return true;
  return error.code === "PROVIDER_UNAVAILABLE" && NO_CONNECTION.test(error.message);
}

/** Codes of connections that were never there, as the egress guard says them. */
const NO_CONNECTION =
  /\((ECONNREFUSED|ENOTFOUND|EAI_[A-Z]+|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_[A-Z_]+|CERT_[A-Z_]+|[A-Z_]*SELF_SIGNED[A-Z_]*|UNABLE_TO_[A-Z_]+)\)/;

function joined(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Readonly<Record<string, string>> {
  const all = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name.toLowerCase(), [value].flat().join(", ")] as const],
  );
  return Object.fromEntries(all);
}
