// The OpenAI protocol read from the wire itself: the streaming path of the product.

import { AnswerBuilder, parseObject, type Transport } from "./answer.ts";
import { post, readStream, type TransportParts, wholeAnswer } from "./direct.ts";
import { openaiBody, takeOpenaiAnswer, takeOpenaiChunk } from "./openai-wire.ts";

/** A transport to any server that speaks OpenAI's chat completions. */
export function createOpenaiDirect(parts: TransportParts): Transport {
  const { config } = parts;
  const headers: Record<string, string> =
    config.apiKey === "" ? {} : { authorization: `Bearer ${config.apiKey}` };
  return {
    async attempt(request, { signal, onEvent }) {
      const body = openaiBody(request);
      const response = await post(parts, "/chat/completions", headers, body, signal);
      const builder = new AnswerBuilder(config.name, request, onEvent);
      if (request.stream) {
        await readStream(config, response, {
          take(chunk) {
            takeOpenaiChunk(chunk, builder);
            return false;
          },
          isComplete: () => builder.finishReason !== undefined,
        });
      } else {
        const answer = parseObject(await response.text(), config.name);
        takeOpenaiAnswer(wholeAnswer(answer, config), builder);
      }
      return builder.result();
    },
  };
}
