// The Anthropic protocol read from the wire itself: the streaming path of the product.

import { AnswerBuilder, parseObject, type Transport } from "./answer.ts";
import { AnthropicAnswer, anthropicBody, anthropicVersion } from "./anthropic-wire.ts";
import { post, readStream, type TransportParts, wholeAnswer } from "./direct.ts";

/** A transport to any server that speaks Anthropic's messages. */
export function createAnthropicDirect(parts: TransportParts): Transport {
  const { config } = parts;
  const headers = {
    "anthropic-version": anthropicVersion,
    ...(config.apiKey !== "" && { "x-api-key": config.apiKey }),
  };
  return {
    async attempt(request, { signal, onEvent }) {
      const body = anthropicBody(request);
      const response = await post(parts, "/v1/messages", headers, body, signal);
      const builder = new AnswerBuilder(config.name, request, onEvent);
      const answer = new AnthropicAnswer(builder, request);
      if (request.stream) {
        await readStream(config, response, {
          take(event) {
            answer.takeEvent(event);
            return answer.isComplete;
          },
          isComplete: () => answer.isComplete,
        });
      } else {
        const message = parseObject(await response.text(), config.name);
        answer.takeMessage(wholeAnswer(message, config));
      }
      return builder.result();
    },
  };
}
