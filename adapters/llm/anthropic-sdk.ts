// The Anthropic protocol through the official `@anthropic-ai/sdk` package: the second implementation,
// and the oracle of the direct one. Loaded on first use; its own retries are off, ours apply to both.

import type Anthropic from "@anthropic-ai/sdk";
import { createEgressFetch } from "../egress-fetch.ts";
import { AnswerBuilder, cutShort, isObject, type Transport, unreadable } from "./answer.ts";
import { AnthropicAnswer, anthropicBody } from "./anthropic-wire.ts";
import { connectionsMaxDefault } from "./config.ts";
import { limitsOf, type TransportParts, wholeAnswer } from "./direct.ts";
import { fromSdkError } from "./sdk-error.ts";

type Params = Anthropic.MessageCreateParams;

/** A transport through the SDK. */
export function createAnthropicSdk({ config, egress }: TransportParts): Transport {
  const connectionsMax = config.connectionsMax ?? connectionsMaxDefault;
  const load = async (isStreamed: boolean): Promise<Anthropic> => {
    const limits = limitsOf(config, isStreamed);
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
  // One for streams and one for whole answers: their limits differ, their connections are shared.
  const clients = new Map<boolean, Promise<Anthropic>>();
  return {
    async attempt(request, { signal, onEvent }) {
      const client = clients.get(request.stream) ?? load(request.stream);
      clients.set(request.stream, client);
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
          reading.takeMessage(wholeAnswer(answer, config));
        }
      } catch (error) {
        throw fromSdkError(error, config, signal);
      }
      return builder.result();
    },
  };
}
