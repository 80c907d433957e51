// Streams of responses: what they say, and that one that is cut anywhere and taken up again with
// `starting_after` is the uncut one, while its run goes on and when it has ended.

import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { segmentEnd } from "../../../adapters/http/openai/responses/segments.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";
import type { Json, WireEvent } from "../../support/wire-client.ts";

let host: HttpHost;
let client: OpenAI;
let model = "";
const answer =
  "You can export from Settings, 数据导出在设置里进行处理没有空格的文字 and 😀😀😀😀😀😀😀😀😀 as well.";
const WITHIN = { timeout: 10_000, interval: 10 };

beforeAll(async () => {
  host = await startHttpHost();
  client = new OpenAI({ apiKey: host.key, baseURL: `${host.url}/v1`, maxRetries: 0 });
  const { body } = await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" });
  model = `agent:${body.id}`;
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.script = () => answer;
});

const tools = [
  {
    ...{ type: "function" as const, name: "look", description: "Looks.", strict: false },
    parameters: { type: "object", properties: { at: { type: "string" } } },
  },
];

const dataOf = (events: readonly WireEvent[]): readonly Json[] =>
  events.map(({ data }) => JSON.parse(data));
const typesOf = (events: readonly Json[]): readonly string[] => events.map(({ type }) => type);
const withoutRepeats = (all: readonly string[]) => all.filter((one, at) => one !== all[at - 1]);

/** The events behind a number, as the door sends them. */
async function behind(id: string, after: number | null): Promise<readonly Json[]> {
  const more = after === null ? "" : `&starting_after=${after}`;
  const streamed = await host.events("GET", `/v1/responses/${id}?stream=true${more}`);
  return dataOf(await streamed.rest());
}

test("events come in the protocol's order, numbered one after the other, without [DONE]", async () => {
  host.llm.script = () => answer;

  const streamed = await host.events("POST", "/v1/responses", { model, input: "x", stream: true });
  const events = await streamed.rest();

  const all = dataOf(events);
  expect(withoutRepeats(typesOf(all))).toEqual([
    ...["response.created", "response.in_progress", "response.output_item.added"],
    ...["response.content_part.added", "response.output_text.delta", "response.output_text.done"],
    ...["response.content_part.done", "response.output_item.done", "response.completed"],
  ]);
  expect(events.map(({ event }) => event)).toEqual(typesOf(all));
  expect(all.map(({ sequence_number }) => sequence_number)).toEqual(all.map((_, at) => at));
  expect(all.flatMap(({ delta }) => delta ?? []).join("")).toBe(answer);
  expect(all.at(-1).response).toEqual(
    (await host.call("GET", `/v1/responses/${all[0].response.id}`)).body,
  );
});

test("the SDK's stream helper puts text and calls together, live and from a number on", async () => {
  host.llm.script = () => ({ text: answer, calls: [{ name: "look", arguments: { at: "sky" } }] });
  const runner = client.responses.stream({ model, input: "x", tools });
  const seen: Json[] = [];
  for await (const event of runner) seen.push(event);
  const whole = await runner.finalResponse();

  const again = client.responses.stream({ response_id: whole.id, starting_after: 7 });
  const rest: Json[] = [];
  for await (const event of again) rest.push(event);

  expect(whole.output).toMatchObject([
    { type: "message", content: [{ text: answer }] },
    { type: "function_call", name: "look", arguments: '{"at":"sky"}' },
  ]);
  expect(withoutRepeats(typesOf(seen)).slice(-6)).toEqual([
    ...["response.output_item.done", "response.output_item.added"],
    ...["response.function_call_arguments.delta", "response.function_call_arguments.done"],
    ...["response.output_item.done", "response.completed"],
  ]);
  const wire = (events: readonly Json[]) => events.map(({ snapshot: _, ...event }) => event);
  expect(wire(rest)).toEqual(wire(seen).slice(8));
  expect((await again.finalResponse()).output_text).toBe(answer);
});

test("a stream that is cut anywhere and resumed is the uncut one, live and afterwards", async () => {
  const gates = [createGate(), createGate(), createGate()];
  const pieces = [answer.slice(0, 11), answer.slice(11, 40), answer.slice(40, 61)];
  host.llm.script = async ({ signal, write, request }) => {
    if (!request.messages.at(-1)?.content.includes("slowly")) return answer;
    for (const [at, piece] of pieces.entries()) {
      write(piece);
      await gates[at]?.wait(signal);
    }
    return { text: answer, calls: [{ name: "look", arguments: { at: "sky" } }] };
  };
  const streamed = await host.events("POST", "/v1/responses", {
    ...{ model, input: "slowly", tools, stream: true, background: true },
  });
  const id = JSON.parse((await streamed.next())?.data ?? "").response.id;
  const uncut = streamed.rest();
  const live: { after: number; events: Promise<readonly Json[]> }[] = [];
  // While each piece is all there is, clients come that have seen different parts of it.
  for (const [at, gate] of gates.entries()) {
    await gate.reached;
    for (const after of [0, 1, 2, 3, 4, 5].map((one) => one + at)) {
      live.push({ after, events: behind(id, after) });
    }
    gate.open();
  }
  const rest = dataOf(await uncut);
  const all = [{ sequence_number: 0 }, ...rest];

  const first = (await behind(id, null))[0];
  for (const { after, events } of live)
    expect([after, await events]).toEqual([after, all.slice(after + 1)]);
  for (let after = 0; after < all.length; after += 1) {
    expect([after, await behind(id, after)]).toEqual([after, all.slice(after + 1)]);
  }
  expect(await behind(id, null)).toEqual([first, ...rest]);
});

test("a number that no event has is told, not answered with the rest of another text", async () => {
  const made = await client.responses.create({ model, input: "x" });

  const events = await behind(made.id, 5_000);
  const wrong = await host.call("GET", `/v1/responses/${made.id}?stream=true&starting_after=x`);

  expect(events).toMatchObject([{ type: "error", code: "invalid", param: "starting_after" }]);
  expect([wrong.status, wrong.body.error.param]).toEqual([400, "starting_after"]);
});

test("a text that is written anew has numbers of its own, and who has the lost one is told", async () => {
  const gate = createGate();
  let calls = 0;
  host.llm.script = async ({ write, signal }) => {
    calls += 1;
    if (calls > 1) return "Another text altogether, from its start.";
    write("You can export from the menu ");
    await gate.wait(signal);
    const { RuntimeError } = await import("../../../runtime/errors.ts");
    throw new RuntimeError("PROVIDER_UNAVAILABLE", "The stream was cut.");
  };
  const streamed = await host.events("POST", "/v1/responses", { model, input: "x", stream: true });
  const seen: Json[] = [];
  for (let at = 0; at < 7; at += 1) seen.push(JSON.parse((await streamed.next())?.data ?? ""));
  gate.open();
  const rest = dataOf(await streamed.rest());
  const id = seen[0].response.id;
  await expect
    .poll(async () => (await client.responses.retrieve(id)).status, WITHIN)
    .toBe("completed");

  expect(rest.at(-1)).toMatchObject({ type: "error", code: "stream_restarted" });
  const whole = await behind(id, null);
  expect(whole.flatMap(({ delta }) => delta ?? []).join("")).toContain("Another text altogether");
  const numbers = whole.map(({ sequence_number }) => sequence_number);
  expect(numbers).toEqual([...numbers].sort((left, right) => left - right));
  // Before its first word nothing was lost; within the lost text it is said; behind the new one it goes on.
  expect(await behind(id, 3)).toEqual(whole.slice(4));
  expect(await behind(id, seen[6].sequence_number)).toMatchObject([{ code: "stream_restarted" }]);
  expect(await behind(id, numbers[6])).toEqual(whole.slice(7));
});

test("what was written before a cancel is shown alike to who saw it and who comes later", async () => {
  const gate = createGate();
  host.llm.script = async ({ write, signal }) => {
    write("You can export from ");
    await gate.wait(signal);
    return answer;
  };
  const streamed = await host.events("POST", "/v1/responses", { model, input: "x", stream: true });
  const seen: Json[] = [];
  for (let at = 0; at < 6; at += 1) seen.push(JSON.parse((await streamed.next())?.data ?? ""));
  const { id } = seen[0].response;
  const cancelled = await client.responses.cancel(id);
  seen.push(...dataOf(await streamed.rest()));

  expect(cancelled).toMatchObject({ status: "cancelled", output: [{ status: "incomplete" }] });
  expect(seen.at(-1)).toMatchObject({ type: "response.failed", response: { status: "cancelled" } });
  expect(await behind(id, null)).toEqual(seen);
});

test("an answer that failed ends its stream with response.failed and the error", async () => {
  host.llm.script = async () => {
    const { RuntimeError } = await import("../../../runtime/errors.ts");
    throw new RuntimeError("PROVIDER_FAILED", "The provider refused.");
  };

  const streamed = await host.events("POST", "/v1/responses", { model, input: "x", stream: true });
  const events = dataOf(await streamed.rest());

  expect(events.at(-1)).toMatchObject({
    type: "response.failed",
    response: { status: "failed", error: { code: "server_error" } },
  });
  const read = await client.responses.retrieve(events[0].response.id);
  expect(read.error?.message).toMatch(/provider/i);
});

test("a text is cut into the same deltas however it comes", () => {
  const texts = [
    answer,
    `${" ".repeat(200)}x`,
    "a".repeat(100),
    "😀".repeat(60),
    "\ud83d \ud83d",
    "",
  ];
  const cut = (text: string, arrives: (at: number) => number): readonly string[] => {
    const deltas: string[] = [];
    let at = 0;
    for (let known = 0; ; known = Math.min(text.length, known + arrives(known))) {
      const isWhole = known === text.length;
      const sofar = text.slice(0, known);
      for (
        let end = segmentEnd(sofar, at, isWhole);
        end !== -1;
        end = segmentEnd(sofar, at, isWhole)
      ) {
        deltas.push(text.slice(at, end));
        at = end;
      }
      if (isWhole) return deltas;
    }
  };
  for (const text of texts) {
    const whole = cut(text, () => text.length);
    for (const size of [1, 2, 3, 7, 15, 16, 17, 63, 64, 65]) {
      expect(cut(text, () => size)).toEqual(whole);
    }
    expect(whole.join("")).toBe(text);
  }
});
