// What both direct transports do: one POST through the way out, a refusal as our error, and then a
// whole answer or a stream of events, read without any promise for each token.

import type { Egress, EgressResponse } from "../egress.ts";
import { providerError, refusedBy } from "../provider-error.ts";
import { cutShort, type Json, parseObject } from "./answer.ts";
import type { ProviderConfig, ProviderTimeouts } from "./config.ts";
import { connectionsMaxDefault, providerTimeouts } from "./config.ts";
import { SseReader } from "./sse-reader.ts";

/** What a direct transport is built from. */
export interface TransportParts {
  readonly config: ProviderConfig;
  readonly egress: Egress;
}

/** Bytes of one whole answer or stream. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

type CallLimits = ProviderTimeouts & { readonly bytesMax: number };

/**
 * A provider's limits in the way out's terms. An answer that is not streamed comes all at once when
 * it is ready, so that its first byte has the whole time.
 */
export function limitsOf(config: ProviderConfig, isStreamed: boolean): CallLimits {
  const limits = { bytesMax: ANSWER_BYTES_MAX, ...providerTimeouts, ...config.timeouts };
  return isStreamed ? limits : { ...limits, firstByteMs: limits.totalMs };
}

/** Sends a JSON body and returns the response, if it is no refusal. */
export async function post(
  { config, egress }: TransportParts,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: Json,
  signal: AbortSignal,
): Promise<EgressResponse> {
  const response = await egress.request({
    url: config.baseUrl.replace(/\/+$/, "") + path,
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", ...headers },
    body: JSON.stringify(body),
    signal,
    limits: limitsOf(config, body["stream"] === true),
    connectionsMax: config.connectionsMax ?? connectionsMaxDefault,
  });
  if (response.status >= 200 && response.status < 300) return response;
  const text = await response.text();
  throw refusedBy(response, text, { provider: config.name, secret: config.apiKey });
}

/** The whole answer, where it is none of an error. Some services say theirs with the status of success. */
export function wholeAnswer(answer: Json, config: ProviderConfig): Json {
  if (answer["error"] == null) return answer;
  throw providerError({ provider: config.name, body: answer, secret: config.apiKey });
}

/** Where a stream's events go. */
export interface StreamReading {
  /** Returns true when nothing more is to come. */
  take(event: Json, name: string): boolean;
  /** Whether the answer was complete when the bytes ended. */
  isComplete(): boolean;
}

/**
 * Reads a stream of JSON events to its end. @throws RuntimeError PROVIDER_UNAVAILABLE when it ends
 * too early or an event is no JSON; the provider's own error frame as its code says.
 */
export async function readStream(
  config: ProviderConfig,
  response: EgressResponse,
  reading: StreamReading,
): Promise<void> {
  let isOver = false;
  const reader = new SseReader((name, data) => {
    if (isOver || data === "") return;
    if (data === "[DONE]") {
      isOver = true;
      return;
    }
    const event = parseObject(data, config.name);
    if (name === "error" || event["error"] != null) {
      const secret = config.apiKey;
      throw providerError({ provider: config.name, body: event, secret });
    }
    isOver = reading.take(event, name);
  });
  await response.read((piece) => reader.push(piece));
  reader.end();
  if (!isOver && !reading.isComplete()) throw cutShort(config.name);
}
