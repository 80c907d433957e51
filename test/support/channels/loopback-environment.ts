// What an account depends on, in a test: calls that really go out, secrets kept in memory, a log
// that is remembered.

import type { OutgoingFile } from "../../../actors/channels/outgoing.ts";
import type {
  ChannelEnvironment,
  PlatformAnswer,
  PlatformRequest,
} from "../../../adapters/channels/adapter.ts";
import { createSockets } from "../../../adapters/egress-socket.ts";

/** The environment, and what went through it. */
export interface LoopbackEnvironment extends ChannelEnvironment {
  readonly lines: string[];
  readonly stored: Map<string, string>;
  readonly urls: { readonly url: string; readonly authorization: string | undefined }[];
  readonly files: Map<string, Uint8Array>;
}

/** One of them. @param clock what its clock says; default the machine's. */
export function loopbackEnvironment(clock: () => number = Date.now): LoopbackEnvironment {
  const lines: string[] = [];
  const stored = new Map<string, string>();
  const urls: { url: string; authorization: string | undefined }[] = [];
  const files = new Map<string, Uint8Array>();
  let writing: Promise<unknown> = Promise.resolve();
  return {
    ...{ account: "ch_test", lines, stored, urls, files, nowMs: clock },
    log: { write: (...of) => lines.push(JSON.stringify(of)) },
    connect: createSockets({ allowedHosts: ["127.0.0.1"] }),
    call(request) {
      urls.push({ url: request.url, authorization: request.headers?.["authorization"] });
      return callOf(request);
    },
    kept: {
      get: async (name) => stored.get(name) ?? null,
      update(name, change) {
        const next = writing.then(async () => {
          const value = await change(stored.get(name) ?? null);
          stored.set(name, value);
          return value;
        });
        writing = next.catch(() => undefined);
        return next;
      },
    },
    async readFile(file: OutgoingFile) {
      return files.get(file.id) ?? new Uint8Array();
    },
  };
}

async function callOf(request: PlatformRequest): Promise<PlatformAnswer> {
  const { url, method, headers = {}, body = null, signal, bytesMax = 1_048_576 } = request;
  try {
    const init = { method, headers, body: body as string | null, signal };
    const response = await fetch(url, { ...init, redirect: "error" });
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (bytes.byteLength > bytesMax) {
      return {
        reached: false,
        mayHaveArrived: true,
        reason: `The answer has more than ${bytesMax} bytes.`,
      };
    }
    return {
      reached: true,
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: bytes,
    };
  } catch (error) {
    const cause = (error as { cause?: { code?: string } }).cause?.code;
    const reason = cause ?? (error as Error).name;
    return { reached: false, mayHaveArrived: cause !== "ECONNREFUSED", reason };
  }
}
