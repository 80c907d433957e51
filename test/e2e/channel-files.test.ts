// Files over channels: pictures that people send, from a message on WhatsApp to what a provider is told on its own
// wire, with what people are told of those that nobody sees; and files that agents send. The real process.

import { afterAll, beforeAll, expect, test } from "vitest";
import { listed, loopback, made, until } from "../support/channels/channel-desk.ts";
import {
  type WhatsAppOf,
  whatsappChannel,
  whatsappFor,
} from "../support/channels/whatsapp-product.ts";
import type { LoggedCall } from "../support/fake-provider.ts";
import { png, pngOf } from "../support/picture-files.ts";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

let product: Product;
beforeAll(async () => {
  const key = 'api_key: "$\u007bPROVIDER_KEY}"';
  product = await startProduct({
    env: { PROVIDER_KEY: "test" },
    config: ({ openaiUrl, anthropicUrl }) => `${loopback}providers:
  - { name: openai, kind: openai, base_url: "${openaiUrl}", ${key} }
  - { name: anthropic, kind: anthropic, base_url: "${anthropicUrl}", ${key} }
`,
  });
});
afterAll(() => product.end());

/** A desk at WhatsApp whose agent has a model. */
async function desk(model: string): Promise<{ meta: WhatsAppOf; channel: string }> {
  const agent = await made(product, "/v2/agents", { name: model, model_name: model });
  const meta = await whatsappFor(product);
  const channel = await made(product, "/v2/channels", whatsappChannel(meta.server, agent));
  meta.open(channel);
  return { meta, channel };
}

const PHONE = "16505551234";
const sendPicture = ({ server }: WhatsAppOf, bytes: Uint8Array, caption?: string): void => {
  const id = server.addMedia(bytes, "image/png");
  const image = { id, mime_type: "image/png", sha256: "x", ...(caption && { caption }) };
  server.say({ phone: PHONE }, { type: "image", image });
};
const taken = async ({ server }: WhatsAppOf, count: number): Promise<string> => {
  const all = await until(
    () => server.taken,
    ({ length }) => length >= count,
  );
  return JSON.stringify(all.map(({ message }) => message));
};
const lastContent = ({ body }: LoggedCall): Json[] => (body["messages"] as Json[]).at(-1)?.content;
const data = png.toString("base64");

test("a picture reaches OpenAI's wire, is kept once, shown with the next message, and goes with its conversation", async () => {
  const { meta, channel } = await desk("gpt-4o-mini");
  try {
    sendPicture(meta, png, "What is on it?");
    const first = await product.provider.until(({ lastUser }) => lastUser.includes("on it?"));
    expect(lastContent(first)).toEqual([
      { type: "text", text: expect.stringMatching(/^What is on it\?\n\[picture ".+\.png"\]$/) },
      { type: "image_url", image_url: { url: `data:image/png;base64,${data}` } },
    ]);
    await taken(meta, 1);
    meta.server.say({ phone: PHONE }, { type: "text", text: { body: "And its colour?" } });
    const second = await product.provider.until(({ lastUser }) => lastUser.includes("colour"));
    expect(JSON.stringify(second.body)).toContain(data);

    const [session] = await listed(product, channel, "sessions");
    const path = `/v2/conversations/${session.conversation_key}`;
    const { body } = await product.call("GET", `${path}/messages`);
    expect(body.data[0].images).toMatchObject([{ media_type: "image/png", bytes: png.length }]);
    expect(JSON.stringify(body)).not.toContain(data);
    expect(await exported()).toContain(data);
    const shown = await fetch(`${product.url}${path}/images/${body.data[0].images[0].id}`, {
      headers: { authorization: `Bearer ${product.adminKey}` },
    });
    expect(shown.headers.get("content-type")).toBe("image/png");
    expect(Buffer.from(await shown.arrayBuffer())).toEqual(png);
    await taken(meta, 2);
    expect((await product.call("DELETE", path)).status).toBe(204);
    await until(exported, (text) => !text.includes(data));
  } finally {
    await meta.server.stop();
  }
});

/** What the tenant has, as its export says. */
async function exported(): Promise<string> {
  const answer = await fetch(`${product.url}/admin/tenants/tn_default/export`, {
    method: "POST",
    headers: { authorization: `Bearer ${product.adminKey}` },
  });
  return await answer.text();
}

test("a picture reaches Anthropic's wire", async () => {
  const { meta } = await desk("claude-sonnet-4-5");
  try {
    sendPicture(meta, png, "Anthropic, what is it?");
    const call = await product.provider.until(({ lastUser }) => lastUser.includes("Anthropic,"));
    expect(call.wire).toBe("anthropic");
    const source = { type: "base64", media_type: "image/png", data };
    expect(lastContent(call)).toContainEqual({ type: "image", source });
  } finally {
    await meta.server.stop();
  }
});

test("a model of texts is told of the picture, and the person that it was not seen", async () => {
  const { meta } = await desk("gpt-3.5-turbo");
  try {
    sendPicture(meta, png);
    const call = await product.provider.until(({ model }) => model === "gpt-3.5-turbo");
    expect(JSON.stringify(call.body)).not.toContain("image_url");
    expect(call.lastUser).toMatch(/^\[picture ".+\.png", which you cannot see\]$/);
    expect(await taken(meta, 1)).toContain("(The picture could not be seen.)");
  } finally {
    await meta.server.stop();
  }
});

test("pictures of 50 MB, texts called .png and bombs are refused with words, and the text is answered", async () => {
  const { meta } = await desk("gpt-4o-mini");
  try {
    const refused = [
      {
        bytes: Buffer.alloc(50_000_000),
        why: /over the limit of|at most 3932160|limit is 3932160/,
      },
      { bytes: Buffer.from("only a text"), why: /It is no picture/ },
      { bytes: pngOf(60_000, 60_000), why: /60000 x 60000 pixels/ },
    ];
    for (const [at, { bytes, why }] of refused.entries()) {
      sendPicture(meta, bytes, `question ${at}`);
      const call = await product.provider.until(({ lastUser }) => lastUser === `question ${at}`);
      expect(JSON.stringify(call.body)).not.toContain("image_url");
      expect(await taken(meta, 2 * (at + 1))).toMatch(why);
    }
  } finally {
    await meta.server.stop();
  }
});

test("a run that died with its process is shown the picture again", async () => {
  const { meta } = await desk("gpt-4o-mini");
  try {
    const isHeld = (call: LoggedCall): boolean => call.lastUser.startsWith("Hold on");
    product.provider.when("Hold on", { hang: "at-once", times: 1 });
    sendPicture(meta, png, "Hold on");
    await product.provider.until(isHeld);
    await product.kill();
    await product.start();

    expect(await taken(meta, 1)).toContain("Hold on");
    const calls = product.provider.calls("Hold on");
    expect(calls).toHaveLength(2);
    for (const call of calls) expect(JSON.stringify(lastContent(call))).toContain(data);
    expect(meta.server.taken).toHaveLength(1);
  } finally {
    await meta.server.stop();
  }
});

test("a run's images are checked where it is asked for, and seen by its model", async () => {
  const agent = await made(product, "/v2/agents", { name: "Eye", model_name: "gpt-4o-mini" });
  const path = `/v2/agents/${agent}/runs`;
  const run = (images: object[]) => product.call("POST", path, { input: "By REST?", images });

  const seen = await run([{ name: "a.png", data }]);
  const none = await run([{ data: Buffer.from("text").toString("base64") }]);
  const broken = await run([{ data: "no base64!" }]);
  const many = await run(Array.from({ length: 5 }, () => ({ data })));

  expect(seen.status).toBe(200);
  const call = product.provider.calls("By REST?")[0];
  expect(call && lastContent(call)).toEqual([
    { type: "text", text: 'By REST?\n[picture "a.png"]' },
    { type: "image_url", image_url: { url: `data:image/png;base64,${data}` } },
  ]);
  expect([none.status, none.body.errors?.[0]?.pointer ?? none.body.pointer]).toEqual([
    400,
    "/images/0",
  ]);
  expect([broken.status, many.status]).toEqual([400, 400]);
});

test("an agent sends a file where its conversation is in a channel, and has no such tool elsewhere", async () => {
  const [name, content] = ["orders.csv", "id;total\n7;19.90\n"];
  product.provider.when((call) => call.lastUser === "My orders, please." && call.tools.length > 0, {
    tools: [{ name: "send_file", arguments: { name, content, media_type: "text/csv" } }],
    times: 1,
  });
  const record = { name: "Clerk", model_name: "gpt-4o-mini", tools: [{ tool: "send_file" }] };
  const agent = await made(product, "/v2/agents", record);
  const meta = await whatsappFor(product);
  try {
    meta.open(await made(product, "/v2/channels", whatsappChannel(meta.server, agent)));
    meta.server.say({ phone: PHONE }, { type: "text", text: { body: "My orders, please." } });

    const [file, answer] = await until(
      () => meta.server.taken,
      ({ length }) => length >= 2,
    );
    expect(file?.message).toMatchObject({ type: "document", document: { filename: name } });
    const { id } = (file?.message["document"] ?? {}) as Json;
    expect(meta.server.media.get(id)?.bytes.toString()).toBe(content);
    expect(answer?.message["type"]).toBe("text");
    await product.call("POST", `/v2/agents/${agent}/runs`, { input: "By REST, my orders." });
    const [call] = product.provider.calls("By REST, my orders.");
    expect(call?.tools).toEqual([]);
  } finally {
    await meta.server.stop();
  }
});

test("files of an agent that are too large or too many are not sent, which its model is told", async () => {
  const send = (name: string, content = "x") => ({
    name: "send_file",
    arguments: { name, content },
  });
  const large = send("large.txt", "é".repeat(150_000));
  const many = Array.from({ length: 6 }, (_, at) => send(`${at}.txt`));
  product.provider.when(
    (call) => call.lastUser === "Everything, please." && call.tools.length > 0,
    {
      tools: [large, ...many],
      times: 1,
    },
  );
  const record = { name: "Giver", model_name: "gpt-4o-mini", tools: [{ tool: "send_file" }] };
  const agent = await made(product, "/v2/agents", record);
  const meta = await whatsappFor(product);
  try {
    meta.open(await made(product, "/v2/channels", whatsappChannel(meta.server, agent)));
    meta.server.say({ phone: PHONE }, { type: "text", text: { body: "Everything, please." } });

    const answered = (): boolean => meta.server.taken.some(({ message }) => "text" in message);
    await until(answered, (is) => is);
    const sent = meta.server.taken.flatMap(({ message }) => message["document"] ?? []) as Json[];
    expect(sent.map(({ filename }) => filename)).toEqual(
      many.slice(0, 5).map((one) => one.arguments.name),
    );
    const last = product.provider.calls("Everything, please.").at(-1);
    const messages = (last?.body["messages"] ?? []) as Json[];
    const told = messages.flatMap((one) => (one.role === "tool" ? String(one.content) : []));
    expect(told[0]).toContain("The file has 300000 bytes, the limit is 262144.");
    expect(told[6]).toContain("At most 5 files are sent in an answer.");
  } finally {
    await meta.server.stop();
  }
});
