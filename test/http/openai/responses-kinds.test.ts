// Kinds of responses through the official openai SDK: at the limit of a chain, with images, as JSON, of a team,
// of several texts, and one whose run is not kept any more.

import OpenAI, { APIError } from "openai";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { limits } from "../../../actors/limits.ts";
import { responseLimits } from "../../../adapters/http/openai/responses/limits.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;
let client: OpenAI;
let model = "";
const answer = "You can export from Settings.";

beforeAll(async () => {
  host = await startHttpHost();
  client = new OpenAI({ apiKey: host.key, baseURL: `${host.url}/v1`, maxRetries: 0 });
  model = `agent:${await make("/v2/agents", { name: "Desk", model_name: "m-1" })}`;
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.script = () => answer;
});

const make = async (path: string, body: object): Promise<string> => {
  const made = await host.call("POST", path, body);
  expect(made.status).toBe(201);
  return made.body.id;
};
const refusal = async (call: PromiseLike<unknown>) => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof APIError)) throw new Error("It was not refused by the API.");
  return [error.status, error.param];
};
const lastAsked = (): readonly Json[] => host.llm.requests.at(-1)?.messages ?? [];

test("a chain has as many responses as is said, and one more is refused with its parameter", async () => {
  const next = async (previous_response_id: string | null, at: number) =>
    (await client.responses.create({ model, input: `Number ${at}.`, previous_response_id })).id;
  let id: string | null = null;
  for (let at = 0; at <= responseLimits.chain; at += 1) id = await next(id, at);

  const told = lastAsked().filter(({ role }) => role === "user");
  expect(told).toHaveLength(responseLimits.chain + 1);
  expect(told[0]?.content).toBe("Number 0.");
  expect(await refusal(next(id, 0))).toEqual([400, "previous_response_id"]);
}, 30_000);

test("images of the input go to the model as addresses or data, and not to one that takes none", async () => {
  const url = "data:image/png;base64,iVBORw0KGgo=";
  const look = (of: string) =>
    client.responses.create({
      model: of,
      input: [
        {
          role: "user",
          content: [
            { type: "input_text", text: "What is it?" },
            { type: "input_image", image_url: url, detail: "low" },
            { type: "input_image", image_url: "https://a.example/x.png", detail: "auto" },
          ],
        },
      ],
    });
  const blind = `agent:${await make("/v2/agents", { name: "Blind", model_name: "blind-1" })}`;

  const first = await look(model);
  expect(lastAsked().at(-1)).toMatchObject({
    content: "What is it?",
    images: [
      { url, detail: "low" },
      { url: "https://a.example/x.png", detail: "auto" },
    ],
  });
  // They are a part of the chain, too.
  await client.responses.create({ model, input: "And now?", previous_response_id: first.id });
  expect(lastAsked().at(-3)).toMatchObject({ images: [{ url }, { detail: "auto" }] });
  expect(await refusal(look(blind))).toEqual([400, "input[0].content[1]"]);
});

test("images as data have the characters that are said, together", async () => {
  const most = limits.imagesDataChars;
  const head = "data:image/png;base64,";
  const data = (chars: number) => head + "A".repeat(chars - head.length);
  const part = (url: string) => ({ type: "image_url" as const, image_url: { url } });
  const send = (...urls: readonly string[]) =>
    client.chat.completions.create({
      model,
      messages: [{ role: "user", content: urls.map(part) }],
    });
  const half = Math.floor(most / 2);

  await send(data(half), data(most - half));
  expect(lastAsked().at(-1)?.images).toHaveLength(2);
  expect(await refusal(send(data(half), data(most - half + 1)))).toEqual([
    ...[400, "messages[0].content[1].image_url.url"],
  ]);
});

test("json_object is what the model is asked for, and what it gives", async () => {
  host.llm.script = () => '{"city":"Rome"}';

  const made = await client.responses.create({
    ...{ model, input: "Where? As JSON.", text: { format: { type: "json_object" } } },
  });

  expect(JSON.parse(made.output_text)).toEqual({ city: "Rome" });
  expect(made.text?.format).toEqual({ type: "json_object" });
  expect(host.llm.requests.at(-1)?.responseFormat).toEqual({ type: "json" });
});

test("a team answers as a model, whole and streamed, in a chain too", async () => {
  const members = [{ agent: model.slice("agent:".length) }, { agent: await agentOf("Second") }];
  const crew = { name: "Crew", mode: "coordinate", members, leader: await agentOf("Leader") };
  const team = `team:${await make("/v2/teams", crew)}`;

  const whole = await client.responses.create({ model: team, input: "How do I export?" });
  const stream = client.responses.stream({
    ...{ model: team, input: "And now?", previous_response_id: whole.id },
  });
  const streamed = await stream.finalResponse();

  expect([whole.model, whole.output_text, streamed.output_text]).toEqual([team, answer, answer]);
  expect(await client.responses.retrieve(streamed.id)).toMatchObject({ output_text: answer });
});

test("several texts of one answer are one message, streamed and read alike", async () => {
  const other = await agentOf("Second");
  const tools = [{ tool: "handoff", name: "over", config: { to: other } }];
  const first = `agent:${await make("/v2/agents", { name: "First", model_name: "m-1", tools })}`;
  host.llm.script = ({ request }) =>
    request.tools?.some(({ name }) => name === "over")
      ? { text: "One moment.", calls: [{ name: "over", arguments: {} }] }
      : "It is sunny.";

  const stream = client.responses.stream({ model: first, input: "Weather?" });
  const deltas: string[] = [];
  for await (const event of stream) {
    if (event.type === "response.output_text.delta") deltas.push(event.delta);
  }
  const whole = await stream.finalResponse();

  expect(whole.output).toHaveLength(1);
  expect(whole.output_text).toBe("One moment.\n\nIt is sunny.");
  expect(deltas.join("")).toBe(whole.output_text);
  const read = await client.responses.retrieve(whole.id);
  expect(read).toMatchObject({ output: [{ id: whole.output[0]?.id, content: [{}] }] });
  expect(read.output_text).toBe(whole.output_text);
});

const agentOf = (name: string) => make("/v2/agents", { name, model_name: "m-1" });
