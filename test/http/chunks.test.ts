// Frames as chat.completion.chunk events: nothing twice, nothing missing, wherever a viewer begins.

import { expect, test } from "vitest";
import type { ChatReply, RoutingInfo } from "../../actors/records/conversation.ts";
import { type ChunkStyle, createChunkWriter } from "../../adapters/http/chunks.ts";
import type { SseEvent } from "../../adapters/http/sse.ts";
import type { Frame } from "../../runtime/frame.ts";

const run = "rn_1";
const routing: RoutingInfo = {
  selected_action: "SUB_AGENT",
  action_name: "Docs",
  reason: "It fits.",
  intent: "docs",
  confidence: 0.9,
  threshold: 0.5,
  method: "keyword",
  candidates: [],
  sub_agent_key: "sa_1",
};
const answer = "You can export.";

function style(more: Partial<ChunkStyle> = {}): ChunkStyle {
  const accepted = {
    run,
    conversation_key: "cv_1",
    message_id: "ms_1",
    agent_version: 1,
    model: "m",
  };
  return {
    accepted,
    model: "m",
    created: 1,
    roleDelta: { role: "assistant" },
    usage: "with-finish",
    first: () => ({ run_id: run }),
    last: () => ({}),
    error: ({ code, message }) => ({ error: { code, message } }),
    ...more,
  };
}

const routed: Frame = {
  type: "event",
  id: `${run}:routing:1:0`,
  run,
  event: { type: "routing", routing_info: routing },
};
const text = (offset: number, piece: string, attempt = 1): Frame => ({
  type: "text",
  id: `${run}:model:1@2:${attempt}:${offset + piece.length}`,
  run,
  step: "model:1",
  attempt,
  offset,
  text: piece,
});
const truth = (whole: string): Frame => ({
  type: "text-end",
  id: `${run}:model:1:1:${whole.length}`,
  run,
  step: "model:1",
  attempt: 1,
  text: whole,
});
const ended: Frame = {
  type: "end",
  id: `${run}:@end:0:0`,
  run,
  outcome: { status: "completed", result: null },
  reply: {
    response: answer,
    run_id: run,
    finish_reason: "stop",
    usage: { promptTokens: 80, completionTokens: 24 },
  } as ChatReply,
  counters: {},
};

const parse = (events: readonly SseEvent[]) =>
  events.filter((event) => event.data !== "[DONE]").map((event) => JSON.parse(event.data));
const contentOf = (events: readonly SseEvent[]): string =>
  parse(events)
    .map((chunk) => chunk.choices?.[0]?.delta?.content ?? "")
    .join("");

test("an answer is a role chunk, its text, a finish chunk with usage, and [DONE]", () => {
  const writer = createChunkWriter(style());

  const events = writer.take([
    routed,
    text(0, "You can"),
    text(7, " export."),
    truth(answer),
    ended,
  ]);

  const chunks = parse(events);
  expect(chunks[0].choices[0]).toEqual({
    index: 0,
    delta: { role: "assistant" },
    finish_reason: null,
  });
  expect(chunks[0]).toMatchObject({ run_id: run, routing_info: { action_name: "Docs" } });
  expect(contentOf(events)).toBe(answer);
  expect(chunks.at(-1)).toMatchObject({
    choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
    usage: { prompt_tokens: 80, completion_tokens: 24, total_tokens: 104 },
  });
  expect(events.at(-1)).toEqual({ id: ended.id, data: "[DONE]" });
  expect(events.every((event) => event.id !== undefined)).toBe(true);
  expect(writer.isDone()).toBe(true);
});

test("what an answer rests on is a chunk before its text, and so is that there is nothing", () => {
  const event = (of: object): Frame => ({
    ...{ type: "event", id: `${run}:sources:1:0`, run },
    event: { type: "sources", ...of },
  });
  const source = { document_id: "dc_1", chunk_id: "dc_1.0", page: 3 };

  const [, some, first] = parse(
    createChunkWriter(style()).take([routed, event({ sources: [source] }), text(0, "You can")]),
  );
  const [role, none] = parse(
    createChunkWriter(style()).take([event({ sources: [], nothing_relevant: true })]),
  );

  expect(some).toMatchObject({ sources: [source], object: "chat.completion.chunk" });
  expect(some.choices).toEqual([{ index: 0, delta: {}, finish_reason: null }]);
  expect(some).not.toHaveProperty("type");
  expect(first.choices[0].delta).toEqual({ content: "You can" });
  expect(role.choices[0].delta).toEqual({ role: "assistant" });
  expect(none).toMatchObject({ sources: [], nothing_relevant: true });
});

test("an answer that waits for a target says so, and that it goes on", () => {
  const told = (at: number, event: object): Frame => ({
    ...{ type: "event", id: `${run}:target:${at}:0`, run },
    event,
  });
  const id = "tw_1";
  const away = { type: "waiting_for_target", id, run_id: run, target: "tg_1", reason: "Away." };
  const writer = createChunkWriter(style());

  const events = writer.take([
    told(1, { ...away, expires_at: "2030-01-01T00:00:00.000Z" }),
    told(2, { type: "target_settled", id, target: "tg_1", outcome: "back" }),
    ...[truth(answer), ended],
  ]);

  const notices = events
    .map(({ data }) => (data === "[DONE]" ? {} : JSON.parse(data)))
    .flatMap(({ notice }) => notice ?? []);
  expect(notices).toEqual([expect.stringContaining("away"), expect.stringContaining("back")]);
});

test("a viewer that resumes gets exactly the rest of the text and no second role", () => {
  const after = `${run}:model:1@2:1:7`;
  const writer = createChunkWriter(style({ after }));

  const events = writer.take([truth(answer), ended]);

  expect(contentOf(events)).toBe(" export.");
  expect(parse(events)[0].choices[0].delta).toEqual({ content: " export." });
});

test("after an event the text goes on where its id says, from the start when it names none", () => {
  const rest = (after: string, frames: readonly Frame[]): string =>
    contentOf(createChunkWriter(style({ after })).take([...frames, truth(answer), ended]));

  expect(rest(`${run}:model:1@4:1:7`, [])).toBe(" export.");
  expect(rest(`${run}:model:1@4@1:12:.1:model:1:1:7`, [text(7, " ex")])).toBe(" export.");
  expect(rest(`${run}.1a:model:1@4@1:7::model:1:1:12`, [])).toBe(" export.");
  expect(rest(`${run}:@1:0:0`, [])).toBe(answer);
  expect(rest(`${run}.1:@4:0:0`, [text(0, "You can"), text(7, " ex")])).toBe(answer);
});

test("text that overlaps what was shown is written once, and a hole is filled by the truth", () => {
  const writer = createChunkWriter(style());

  const events = writer.take([
    routed,
    text(0, "You can"),
    text(4, "can ex"),
    { type: "gap", id: "", run, frames: 1 },
    text(12, "rt."),
    truth(answer),
    ended,
  ]);

  expect(contentOf(events)).toBe(answer);
});

test("an answer that was not shown while it was written comes as one piece", () => {
  const writer = createChunkWriter(style());

  const events = writer.take([routed, ended]);

  expect(contentOf(events)).toBe(answer);
});

test("a step that is run again ends the stream with stream_restarted", () => {
  const writer = createChunkWriter(style());
  const reset: Frame = { type: "reset", id: "x", run, step: "model:1", attempt: 2 };

  const events = writer.take([routed, text(0, "You"), reset, text(0, "Other", 2)]);

  expect(parse(events).at(-1)).toMatchObject({ error: { code: "stream_restarted" } });
  expect(contentOf(events)).toBe("You");
  expect(writer.isDone()).toBe(true);
});

test("text that turns out to be another ends the stream with stream_restarted", () => {
  const writer = createChunkWriter(style());

  const events = writer.take([routed, text(0, "You"), truth("They can")]);

  expect(parse(events).at(-1)).toMatchObject({ error: { code: "stream_restarted" } });
});

test("a run that fails on the way ends with one error and no [DONE]", () => {
  const writer = createChunkWriter(style());
  const error = { code: "PROVIDER_UNAVAILABLE", message: "down" } as const;
  const failed: Frame = { ...ended, outcome: { status: "failed", error }, reply: null } as Frame;

  const events = writer.take([routed, failed]);

  expect(parse(events).at(-1)).toEqual({ error: { ...error } });
  expect(events.some((event) => event.data === "[DONE]")).toBe(false);
});

test("usage comes in a chunk of its own with empty choices when asked for", () => {
  const writer = createChunkWriter(style({ usage: "own-chunk" }));

  const chunks = parse(writer.take([routed, ended]));

  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 104 } });
  expect(chunks.at(-2).usage).toBeNull();
});

test("what is said aside is in no chunk, and does not end the stream when it begins again", () => {
  const writer = createChunkWriter(style());
  const aside = (frame: Frame): Frame => ({ ...frame, run: `${run}.1a.1` }) as Frame;
  const again = {
    type: "reset",
    id: `${run}.1a.1:model:1@2:2:0`,
    run,
    step: "model:1",
    attempt: 2,
  };
  const frames = [
    routed,
    aside(routed),
    aside(text(0, "Let me think.")),
    aside(again as Frame),
    aside(truth("Let me think again.")),
    text(0, answer),
    truth(answer),
    ended,
  ];

  const events = writer.take(frames);

  expect(contentOf(events)).toBe(answer);
  expect(events.map(({ data }) => data).join("")).not.toContain("think");
  expect(events.at(-1)?.data).toBe("[DONE]");
});
