// The Anthropic protocol through the official `@anthropic-ai/sdk` package: the second implementation,
// and the oracle of the direct one. Loaded on first use; its own retries are off, ours apply to both.

import type Anthropic from "@anthropic-ai/sdk";
import { createEgressFetch } from "../egress-fetch.ts";
import { AnswerBuilder, cutShort, isObject, type Transport, unreadable } from "./answer.ts";
import { AnthropicAnswer, anthropicBody } from "./anthropic-wire.ts";
import { connectionsMaxDefault } from "./config.ts";
import { limitsOf, type TransportParts } from "./direct.ts";
import { fromSdkError } from "./sdk-error.ts";

type Params = Anthropic.MessageCreateParams;

/** A transport through the SDK. */
export function createAnthropicSdk({ config, egress }: TransportParts): Transport {
  const limits = limitsOf(config);
  const connectionsMax = config.connectionsMax ?? connectionsMaxDefault;
  const load = async (): Promise<Anthropic> => {
    const { default: Client } = await import("@anthropic-ai/sdk");
    return new Client({
      // The SDK refuses an empty key; servers that need none ignore it.
      apiKey: config.apiKey || "none",
      baseURL: config.baseUrl,
      maxRetries: 0,
      timeout: limits.totalMs,
      logLevel: "off",
      fetch: createEgressFetch(egress, { limits, connectionsMax }),
    });
  };
  let client: Promise<Anthropic> | undefined;
  return {
    async attempt(request, { signal, onEvent }) {
      client ??= load();
      const builder = new AnswerBuilder(config.name, request, onEvent);
      const reading = new AnthropicAnswer(builder, request);
      try {
        const params = anthropicBody(request) as unknown as Params;
        const answer: unknown = await (await client).messages.create(params, { signal });
        if (request.stream) {
          for await (const event of answer as AsyncIterable<unknown>) {
            if (isObject(event)) reading.takeEvent(event);
          }
          // The SDK ends its loop quietly when it was aborted or the bytes just ended.
          signal.throwIfAborted();
          if (!reading.isComplete) throw cutShort(config.name);
        } else {
          if (!isObject(answer)) throw unreadable(config.name);
          reading.takeMessage(answer);
        }
      } catch (error) {
        throw fromSdkError(error, config, signal);
      }
      return builder.result();
    },
  };
}
