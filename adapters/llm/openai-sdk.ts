// The OpenAI protocol through the official `openai` package: the second implementation, and the
// oracle of the direct one. Loaded on first use; its own retries are off, ours apply to both.

import type OpenAI from "openai";
import { createEgressFetch } from "../egress-fetch.ts";
import { AnswerBuilder, cutShort, isObject, type Transport, unreadable } from "./answer.ts";
import { connectionsMaxDefault } from "./config.ts";
import { limitsOf, type TransportParts, wholeAnswer } from "./direct.ts";
import { openaiBody, takeOpenaiAnswer, takeOpenaiChunk } from "./openai-wire.ts";
import { fromSdkError } from "./sdk-error.ts";

type Params = OpenAI.ChatCompletionCreateParams;

/** A transport through the SDK. */
export function createOpenaiSdk({ config, egress }: TransportParts): Transport {
  const connectionsMax = config.connectionsMax ?? connectionsMaxDefault;
  const load = async (isStreamed: boolean): Promise<OpenAI> => {
    const limits = limitsOf(config, isStreamed);
    const { default: Client } = await import("openai");
    return new Client({
      // The SDK refuses an empty key; servers that need none ignore it.
      apiKey: config.apiKey || "none",
      baseURL: config.baseUrl,
      organization: null,
      project: null,
      maxRetries: 0,
      timeout: limits.totalMs,
      logLevel: "off",
      fetch: createEgressFetch(egress, { limits, connectionsMax }),
    });
  };
  // One for streams and one for whole answers: their limits differ, their connections are shared.
  const clients = new Map<boolean, Promise<OpenAI>>();
  return {
    async attempt(request, { signal, onEvent }) {
      const client = clients.get(request.stream) ?? load(request.stream);
      clients.set(request.stream, client);
      const builder = new AnswerBuilder(config.name, request, onEvent);
      try {
        const params = openaiBody(request) as unknown as Params;
        const answer: unknown = await (await client).chat.completions.create(params, { signal });
        if (request.stream) {
          for await (const chunk of answer as AsyncIterable<unknown>) {
            if (isObject(chunk)) takeOpenaiChunk(chunk, builder);
          }
          // The SDK ends its loop quietly when it was aborted or the bytes just ended.
          signal.throwIfAborted();
          if (builder.finishReason === undefined) throw cutShort(config.name);
        } else {
          if (!isObject(answer)) throw unreadable(config.name);
          takeOpenaiAnswer(wholeAnswer(answer, config), builder);
        }
      } catch (error) {
        throw fromSdkError(error, config, signal);
      }
      return builder.result();
    },
  };
}
