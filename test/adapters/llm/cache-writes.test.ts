// Tokens that Anthropic keeps to be read again, which cost more than others: as its answers say.

import { expect, test } from "vitest";
import type { LlmRequest } from "../../../actors/ports.ts";
import { AnswerBuilder } from "../../../adapters/llm/answer.ts";
import { AnthropicAnswer } from "../../../adapters/llm/anthropic-wire.ts";

const request: LlmRequest = { model: "m", messages: [], stream: true };
const usage = {
  input_tokens: 10,
  cache_read_input_tokens: 5,
  cache_creation_input_tokens: 30,
  output_tokens: 7,
};
const told = { promptTokens: 45, completionTokens: 7, cachedTokens: 5 };

function read(of: object, isStream: boolean) {
  const builder = new AnswerBuilder("p", request, () => undefined);
  const answer = new AnthropicAnswer(builder, request);
  const message = { model: "m", content: [], stop_reason: "end_turn" };
  if (isStream) {
    answer.takeEvent({ type: "message_start", message: { ...message, usage: of } });
    answer.takeEvent({ type: "message_delta", delta: {}, usage: { output_tokens: 7 } });
  } else {
    answer.takeMessage({ ...message, usage: of });
  }
  return builder.usage();
}

test.each([true, false])("what was kept is told apart by how long (stream: %s)", (isStream) => {
  expect(read(usage, isStream)).toEqual({ ...told, cacheWriteTokens: 30 });
  const parts = { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 10 };
  expect(read({ ...usage, cache_creation: parts }, isStream)).toEqual({
    ...{ ...told, cacheWriteTokens: 20, cacheWriteLongTokens: 10 },
  });
  const odd = { ephemeral_1h_input_tokens: 99 };
  expect(read({ ...usage, cache_creation: odd }, isStream)).toEqual({
    ...{ ...told, cacheWriteLongTokens: 30 },
  });
});
