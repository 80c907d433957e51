// The events of a message beside those that clients are seen to read: pings while nothing comes, an answer
// that was begun again, and what a slow viewer was not told of.

import { afterEach, expect, test, vi } from "vitest";
import type { ChatReply } from "../../../actors/records/conversation.ts";
import { messageStream } from "../../../adapters/http/anthropic/message-stream.ts";
import { SSE_PING_MS } from "../../../adapters/http/sse.ts";
import type { Frame } from "../../../runtime/frame.ts";
import type { Json } from "../../support/wire-client.ts";

afterEach(() => vi.useRealTimers());

const run = "rn_1";
const accepted = { run, conversation_key: null, message_id: "ms_1", agent_version: 1, model: "m" };
const text = (piece: string, attempt = 1): Frame => ({
  ...{ type: "text", id: `${run}:model:1@2:${attempt}:${piece.length}`, run, step: "model:1" },
  ...{ attempt, offset: 0, text: piece },
});
const end = (reply: Partial<ChatReply>): Frame => ({
  ...{ type: "end", id: `${run}:end:1:0`, run, outcome: { status: "completed", result: null } },
  reply: {
    ...{ response: "", run_id: run, sources: [], builtin: false, finish_reason: "stop" },
    usage: { promptTokens: 3, completionTokens: 2 },
    ...reply,
  },
  counters: {},
});

interface Streaming {
  readonly ended: Promise<void>;
  events(): readonly Json[];
}

/** What is written of some frames; the last ones come when `until` does. */
function streaming(batches: readonly (readonly Frame[])[], until = Promise.resolve()): Streaming {
  async function* frames(): AsyncGenerator<readonly Frame[]> {
    yield* batches.slice(0, -1);
    await until;
    yield batches.at(-1) ?? [];
  }
  const place = { style: "anthropic", requestId: "req_1", service: "messages" } as const;
  const answer = messageStream(
    { accepted, frames: frames() },
    { model: "agent:ag_1", inputTokens: 7, place },
  );
  if (!("stream" in answer)) throw new Error("It is no stream.");
  let written = "";
  const write = (piece: string | Uint8Array): boolean => {
    written += String(piece);
    return true;
  };
  const { signal } = new AbortController();
  const ended = Promise.resolve(answer.stream({ write, drained: Promise.resolve(), signal }));
  const events = () =>
    [...written.matchAll(/^event: (\w+)\ndata: (.*)$/gm)].map(([, event, data = ""]) => {
      const value: Json = JSON.parse(data);
      expect(value.type).toBe(event);
      return value;
    });
  return { ended, events };
}

const typesOf = ({ events }: Streaming) => events().map(({ type }) => type);

test("a ping comes while nothing else does", async () => {
  vi.useFakeTimers();
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const stream = streaming([[text("You")], [end({ response: "You" })]], opened);
  await vi.advanceTimersByTimeAsync(2 * SSE_PING_MS);
  open();
  await stream.ended;

  expect(typesOf(stream)).toEqual([
    ...["message_start", "content_block_start", "content_block_delta", "ping"],
    ...["content_block_stop", "message_delta", "message_stop"],
  ]);
});

test("an answer that is begun again ends with an error, and nothing is behind it", async () => {
  const reset: Frame = {
    ...{ type: "reset", id: `${run}:model:1@2:2:0`, run, step: "model:1", attempt: 2 },
  };
  const stream = streaming([[text("You")], [reset, text("We", 2)], [end({ response: "We" })]]);
  await stream.ended;

  expect(typesOf(stream).slice(-2)).toEqual(["content_block_delta", "error"]);
  expect(stream.events().at(-1)).toMatchObject({
    error: { type: "api_error", details: { error_code: "stream_restarted" } },
    request_id: "req_1",
  });
});

test("text and calls that were not told while they came are told at the end, each once", async () => {
  const calls = ["a", "b"].map((id) => ({ id, name: "t", arguments: `{"of":"${id}"}` }));
  const told: Frame = {
    ...{ type: "event", id: `${run}:client-call:1:0`, run },
    event: { type: "client_tool_call", index: 0, ...calls[0] },
  };
  const reply = { response: "Well.", finish_reason: "tool_calls", tool_calls: calls } as const;
  const whole = streaming([[text("We")], [end(reply)]]);
  const some = streaming([[text("Well.")], [told], [end(reply)]]);
  await Promise.all([whole.ended, some.ended]);

  for (const stream of [whole, some]) {
    const deltas = stream
      .events()
      .flatMap(({ type, delta }) => (type === "content_block_delta" ? delta : []));
    expect(deltas.map((delta: Json) => delta.text ?? "").join("")).toBe("Well.");
    expect(deltas.flatMap((delta: Json) => delta.partial_json ?? [])).toEqual([
      '{"of":"a"}',
      '{"of":"b"}',
    ]);
    expect(stream.events().at(-2)).toMatchObject({
      delta: { stop_reason: "tool_use" },
      usage: { input_tokens: 3, output_tokens: 2 },
    });
  }
});
