// Stop sequences: never in a text, however the pieces fall, and nothing behind them.

import { expect, test } from "vitest";
import type { LlmEvent } from "../../../actors/ports.ts";
import { AnswerBuilder } from "../../../adapters/llm/answer.ts";
import { AnthropicAnswer } from "../../../adapters/llm/anthropic-wire.ts";
import { takeOpenaiAnswer } from "../../../adapters/llm/openai-wire.ts";
import { StopCut } from "../../../adapters/llm/stop-cut.ts";

const cut = (stops: readonly string[], pieces: readonly string[]): string => {
  const of = new StopCut(stops);
  return pieces.map((piece) => of.push(piece)).join("") + of.end();
};

test("a text ends before the first sequence, wherever its pieces are cut", () => {
  const text = "one STOP two END three";
  for (let at = 0; at <= text.length; at += 1) {
    for (let to = at; to <= text.length; to += 1) {
      const pieces = [text.slice(0, at), text.slice(at, to), text.slice(to)];
      expect(cut(["END", "STOP"], pieces)).toBe("one ");
    }
  }
});

test("what only looks like the beginning of a sequence is shown after all", () => {
  expect(cut(["STOP"], ["a ST", "ART b S"])).toBe("a START b S");
  expect(cut([""], ["all"])).toBe("all");
  expect(cut(["aab"], ["a", "a", "a", "b", "c"])).toBe("a");
});

test("an answer that was cut has stopped, without the calls behind, and shows what it says", () => {
  const events: LlmEvent[] = [];
  const request = { model: "m", messages: [], stream: true, stop: ["END"] };
  const builder = new AnswerBuilder("p", request, (event) => events.push(event));
  for (const piece of ["It is E", "ND more"]) builder.text(piece);
  builder.toolCall(0, { id: "c", name: "t" });
  builder.finishReason = "length";

  expect(builder.result()).toMatchObject({
    ...{ text: "It is ", finishReason: "stop", toolCalls: [] },
    stopSequence: "END",
  });
  const shown = events.map((event) => (event.type === "text" ? event.text : "")).join("");
  expect(shown).toBe("It is ");
});

test("the sequence at which a provider has stopped is the one that it names, if it was asked for", () => {
  const stop = ["END"];
  const request = { model: "m", messages: [], stream: false, stop };
  const builderOf = () => new AnswerBuilder("p", request, () => undefined);
  const ofAnthropic = (sequence: string | null) => {
    const builder = builderOf();
    const content = [{ type: "text", text: "It is" }];
    const stop_reason = sequence === null ? "end_turn" : "stop_sequence";
    new AnthropicAnswer(builder, request).takeMessage({
      content,
      stop_reason,
      stop_sequence: sequence,
    });
    return builder.result().stopSequence;
  };
  const ofOpenai = (more: object) => {
    const builder = builderOf();
    const choice = { message: { content: "It is" }, finish_reason: "stop", ...more };
    takeOpenaiAnswer({ choices: [choice] }, builder);
    return builder.result().stopSequence;
  };

  expect([ofAnthropic("END"), ofAnthropic("other"), ofAnthropic(null)]).toEqual([
    ...["END", undefined, undefined],
  ]);
  expect(
    [{ stop_reason: "END" }, { matched_stop: "END" }, { stop_reason: 7 }, {}].map(ofOpenai),
  ).toEqual(["END", "END", undefined, undefined]);
});
