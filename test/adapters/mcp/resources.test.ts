// Skills as resources, by the official client.

import type { Client } from "@modelcontextprotocol/client";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { skillBody } from "../../support/skill-files.ts";
import { connect, eras } from "./mcp-host.ts";

let host: HttpHost;
let clients: Client[] = [];
beforeAll(async () => {
  host = await startHttpHost();
  const base64 = Buffer.from([0, 255, 1]).toString("base64");
  const { files } = skillBody("refunds", {
    "references/how to.md": "Ask first.",
    "run.sh": "true",
  });
  const more = { path: "assets/logo.bin", base64 };
  const made = await host.call("POST", "/v2/skills", { files: [...files, more] });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
});
afterEach(async () => {
  await Promise.all(clients.map((one) => one.close()));
  clients = [];
});
afterAll(() => host.stop());

describe.each(eras)("a client of the %s revision", (era) => {
  const client = async (key = host.key): Promise<Client> => {
    const made = await connect(host.url, key, era);
    clients.push(made);
    return made;
  };

  test("lists skills, and reads their files as text or as bytes", async () => {
    const mcp = await client();

    const { resources } = await mcp.listResources();
    const { resourceTemplates } = await mcp.listResourceTemplates();
    const read = async (uri: string) => (await mcp.readResource({ uri })).contents[0];

    expect(resources).toMatchObject([
      { uri: "skill://refunds/SKILL.md", name: "refunds", mimeType: "text/markdown" },
    ]);
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual([
      "skill://{name}/{+path}",
    ]);
    expect(await read(resources[0]?.uri ?? "")).toMatchObject({
      ...{ uri: "skill://refunds/SKILL.md", mimeType: "text/markdown" },
      text: expect.stringContaining("name: refunds"),
    });
    expect(await read("skill://refunds/references/how%20to.md")).toMatchObject({
      text: "Ask first.",
    });
    expect(await read("skill://refunds/run.sh")).toMatchObject({
      mimeType: "text/plain",
      text: "true",
    });
    expect(await read("skill://refunds/assets/logo.bin")).toMatchObject({ blob: "AP8B" });
  });

  test("is told which resource is not there, also when it is another tenant's or not the key's", async () => {
    const mcp = await client();
    const other = await client(host.otherKey);
    const unable = await client(await host.makeKey(["mcp"]));
    const uri = "skill://refunds/SKILL.md";
    const wrong = [
      "skill://refunds/none.md",
      "skill://refunds/../refunds/SKILL.md",
      "skill://none/a",
    ];
    const refusals = [
      ...[...wrong, "skill://refunds", "skill://refunds/%ZZ", "file:///etc/passwd"].map((one) =>
        mcp.readResource({ uri: one }),
      ),
      ...[other, unable].map((one) => one.readResource({ uri })),
    ].map((one) => one.catch((error: unknown) => error));

    for (const error of await Promise.all(refusals)) {
      expect(error).toMatchObject({
        ...{ code: -32_602, data: { uri: expect.any(String) } },
      });
    }
    for (const one of [other, unable]) expect((await one.listResources()).resources).toEqual([]);
  });
});

test("what can be typed on is told: values of a prompt's variable, skills and their files", async () => {
  const { body } = await host.call("POST", "/v2/prompts", {
    ...{ name: "Tone", template: "As in {{place}}, {{who}}." },
    variables: [
      { name: "place", type: "enum", values: ["Rome", "Riga", "Oslo"], required: true },
      { name: "who", type: "string" },
    ],
  });
  const mcp = await connect(host.url, host.key, "current");
  const unable = await connect(host.url, await host.makeKey(["mcp"]), "older");
  clients.push(mcp, unable);
  const prompt = { type: "ref/prompt", name: body.id } as const;
  const skill = { type: "ref/resource", uri: "skill://{name}/{+path}" } as const;
  const values = async (...of: Parameters<typeof mcp.complete>) =>
    (await mcp.complete(...of)).completion.values;

  expect(await values({ ref: prompt, argument: { name: "place", value: "r" } })).toEqual([
    ...["Rome", "Riga"],
  ]);
  expect(await values({ ref: prompt, argument: { name: "who", value: "" } })).toEqual([]);
  expect(await values({ ref: skill, argument: { name: "name", value: "Re" } })).toEqual([
    "refunds",
  ]);
  expect(await values({ ref: skill, argument: { name: "name", value: "x" } })).toEqual([]);
  const context = { arguments: { name: "refunds" } };
  const path = { name: "path", value: "re" };
  expect(await values({ ref: skill, argument: path, context })).toEqual(["references/how to.md"]);
  expect(await values({ ref: skill, argument: path })).toEqual([]);
  const refused = [
    unable.complete({ ref: prompt, argument: { name: "place", value: "" } }),
    mcp.complete({ ref: { ...prompt, name: "pr_none" }, argument: { name: "place", value: "" } }),
    mcp.complete({ ref: { ...skill, uri: "file:///{x}" }, argument: { name: "x", value: "" } }),
  ];
  for (const one of refused) await expect(one).rejects.toMatchObject({ code: -32_602 });
  const none = await unable.complete({ ref: skill, argument: { name: "name", value: "" } });
  expect(none.completion.values).toEqual([]);
});

test("skills come in pages, each once", async () => {
  for (let at = 0; at < 60; at += 1) {
    await host.call("POST", "/v2/skills", skillBody(`skill-${at}`), { key: host.otherKey });
  }
  const body = { jsonrpc: "2.0", id: 1, method: "resources/list" };
  const headers = { Accept: "application/json, text/event-stream" };
  const first = await host.call("POST", "/mcp", body, { key: host.otherKey, headers });
  const mcp = await connect(host.url, host.otherKey, "current");
  clients.push(mcp);

  // The client follows the cursors.
  const uris = (await mcp.listResources()).resources.map(({ uri }) => uri);

  expect(first.body.result).toMatchObject({ nextCursor: expect.any(String) });
  expect(first.body.result.resources).toHaveLength(50);
  expect([uris.length, new Set(uris).size]).toEqual([60, 60]);
  await expect(mcp.listResources({ cursor: "bm9uZQ" })).rejects.toMatchObject({ code: -32_602 });
});
