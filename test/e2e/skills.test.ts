// Skills in the real process: a model sees what they are for, reads one when it needs it, and is given
// the version that its run was accepted with. Uploads that are attacks hold up nobody.

import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { ProviderCall } from "../support/fake-provider-call.ts";
import { type Product, startProduct } from "../support/product.ts";
import { deflatedZeros, type RawEntry, rawZip } from "../support/raw-zip.ts";
import { skillBody, skillText } from "../support/skill-files.ts";
import { toolTalk } from "../support/tool-talk.ts";
import type { Json } from "../support/wire-client.ts";

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "2" } });
});
afterEach(() => product.provider.reset());
afterAll(() => product.end());

const model_name = "gpt-4o-mini";
const { say, results } = toolTalk(() => product);
const make = async (path: string, body: object): Promise<Json> => {
  const made = await product.call("POST", path, body);
  expect(made.body).toMatchObject({ id: expect.any(String) });
  return made.body;
};
const reads = (call: ProviderCall): number => call.prompt.split("Result of read_skill").length - 1;
/** The model reads these, one after the other, and then says "Done.". */
const reading = (...all: readonly object[]): void => {
  for (const [at, given] of all.entries()) {
    const tools = [{ name: "read_skill", arguments: given }];
    product.provider.when((call) => offers(call) && reads(call) === at, { tools });
  }
  product.provider.otherwise({ text: "Done." });
};
const offers = ({ tools }: ProviderCall): boolean =>
  tools.some(({ name }) => name === "read_skill");

test("names and descriptions stand in the prompt, and the rest is read on demand", async () => {
  const files = { "references/rates.md": "Rate: 7%.", "scripts/run.py": "print(1)" };
  await make("/v2/skills", skillBody("tax", files, "Look into references/rates.md first."));
  const agent = await make("/v2/agents", { name: "Desk", model_name, skills: [{ name: "tax" }] });
  reading({ skill: "tax" }, { skill: "tax", path: "references/rates.md" });

  const reply = await say(agent.id, "What is the tax?");

  const [first, second, third] = product.provider.calls();
  expect(first?.system).toContain("- tax: Does it.");
  expect(first?.prompt).not.toContain("Look into");
  expect(second?.prompt).toContain("Result of read_skill:\n");
  expect(second?.prompt).toContain("Look into references/rates.md first.");
  expect(second?.prompt).not.toContain("name: tax\\n");
  expect(third?.prompt).toContain("Rate: 7%.");
  expect(reply.body.response).toBe("Done.");
  expect(await results(reply.body.id)).toEqual([
    {
      ...{ skill: "tax", path: "SKILL.md", content: "Look into references/rates.md first.\n" },
      ...{ bytes: 37, next_offset: null },
      files: [
        { path: "references/rates.md", bytes: 9 },
        { path: "scripts/run.py", bytes: 8 },
      ],
    },
    {
      skill: "tax",
      path: "references/rates.md",
      content: "Rate: 7%.",
      bytes: 9,
      next_offset: null,
    },
  ]);
});

test("a run keeps the version it was accepted with, and the next one has the new one", async () => {
  const { id } = await make("/v2/skills", skillBody("pinned", {}, "The first word is red."));
  const agent = await make("/v2/agents", {
    ...{ name: "Desk", model_name, skills: [{ id }] },
    tools: [{ tool: "calculator", requires_confirmation: true }],
  });
  const isAsked = ({ prompt }: ProviderCall): boolean => prompt.includes("Result of calculator");
  product.provider.when((call) => !isAsked(call) && call.lastUser === "Old", {
    tools: [{ name: "calculator", arguments: { expression: "1" } }],
  });
  reading({ skill: "pinned" });

  const path = `/v2/agents/${agent.id}/runs`;
  const run = (await product.call("POST", path, { input: "Old", mode: "background" })).body;
  const pending = async () => (await product.call("GET", "/v2/approvals")).body.data ?? [];
  await expect.poll(async () => (await pending()).length, { timeout: 10_000 }).toBe(1);
  const queue = { input: "Queued", mode: "background", conversation_key: run.conversation_key };
  const queued = (await product.call("POST", path, queue)).body;
  const changed = skillBody("pinned", {}, "The second word is blue.");
  expect((await product.call("PUT", `/v2/skills/${id}`, changed)).body.version).toBe(2);
  const [{ id: approval }] = await pending();
  await product.call("POST", `/v2/approvals/${approval}/decide`, { decision: "approve" });
  const ended = async () => (await product.call("GET", `/v2/runs/${run.id}`)).body.status;
  await expect.poll(ended, { timeout: 10_000 }).toBe("completed");
  const after = async () => (await product.call("GET", `/v2/runs/${queued.id}`)).body.status;
  await expect.poll(after, { timeout: 10_000 }).toBe("completed");
  const fresh = await say(agent.id, "New");

  const [, old] = await results(run.id);
  expect(old).toMatchObject({ content: "The first word is red.\n" });
  // Accepted before the change, begun after it.
  expect(await results(queued.id)).toMatchObject([{ content: "The first word is red.\n" }]);
  expect(await results(fresh.body.id)).toMatchObject([{ content: "The second word is blue.\n" }]);
  await product.call("PATCH", `/v2/agents/${agent.id}`, { skills: [{ id, version: 1 }] });
  const named = await say(agent.id, "Named");
  expect(await results(named.body.id)).toMatchObject([{ content: "The first word is red.\n" }]);
});

test("a sub-agent, a member of a team and a node of a workflow read skills of their own", async () => {
  await make("/v2/skills", skillBody("shared", {}, "The word is green."));
  const skills = [{ name: "shared" }];
  const desk = await make("/v2/agents", { name: "Desk", model_name });
  await make(`/v2/agents/${desk.id}/sub-agents`, {
    ...{ name: "Words", skills, trigger: { keywords: ["word"] } },
  });
  const own = await make("/v2/agents", { name: "Own", model_name, skills });
  const team = await make("/v2/teams", {
    ...{ name: "Team", mode: "coordinate", members: [{ agent: own.id }] },
  });
  const workflow = await make("/v2/workflows", {
    name: "Flow",
    graph_definition: {
      nodes: [
        { id: "ask", type: "agent", ref: own.id },
        { id: "end", type: "end" },
      ],
      edges: [{ from: "ask", to: "end" }],
    },
  });
  const kinds = [
    ["agents", desk.id],
    ["teams", team.id],
    ["workflows", workflow.id],
  ] as const;

  for (const [kind, id] of kinds) {
    product.provider.reset();
    reading({ skill: "shared" });
    const reply = await product.call("POST", `/v2/${kind}/${id}/runs`, { input: "Which word?" });
    expect([kind, reply.status]).toEqual([kind, 200]);
    const told = product.provider.calls().filter((call) => call.prompt.includes("word is green"));
    expect([kind, told.length > 0]).toEqual([kind, true]);
  }
});

test("long texts come in pages of whole characters, and an answer reads only so much", async () => {
  const text = "é€😀".repeat(8_000);
  const files = { "references/long.md": text, "assets/x.md": "x".repeat(400_000) };
  await make("/v2/skills", skillBody("long", files));
  const agent = await make("/v2/agents", { name: "Desk", model_name, skills: [{ name: "long" }] });
  const path = "references/long.md";
  reading({ skill: "long", path }, { skill: "long", path, offset: 24_575 });
  const pages = await results((await say(agent.id, "Read")).body.id);

  expect(pages.map(({ next_offset }) => next_offset)).toEqual([24_575, 49_151]);
  const read = pages.map(({ content }) => content).join("");
  expect(text.startsWith(read)).toBe(true);
  product.provider.reset();
  const all = Array.from({ length: 12 }, (_, at) => ({
    ...{ name: "read_skill" },
    arguments: { skill: "long", path: "assets/x.md", offset: at * 24_576 },
  }));
  product.provider.when((call) => reads(call) === 0, { tools: all });
  product.provider.otherwise({ text: "Done." });
  const many = await results((await say(agent.id, "Read all")).body.id);

  const sizes = many.map(({ content = "" }) => content.length);
  expect(sizes.reduce((sum, one) => sum + one, 0)).toBe(256 * 1_024);
  const refused = many.flatMap(({ error }) => (error === undefined ? [] : [error.message]));
  expect(refused).toEqual([expect.stringContaining("At most 262144 bytes of skills")]);
});

test("what cannot be read is told to the model, and it goes on", async () => {
  const { files } = skillBody("wrong");
  const image = { path: "assets/x.png", base64: Buffer.from([0, 255]).toString("base64") };
  await make("/v2/skills", { files: [...files, image] });
  const agent = await make("/v2/agents", { name: "Desk", model_name, skills: [{ name: "wrong" }] });
  reading(
    { skill: "other" },
    { skill: "wrong", path: "../../etc/passwd" },
    { skill: "wrong", path: "assets/x.png" },
    { skill: "wrong", offset: 99 },
  );

  const reply = await say(agent.id, "Read");

  expect(reply.body.response).toBe("Done.");
  const said = (await results(reply.body.id)).map(({ error }) => error.message);
  expect(said).toEqual([
    expect.stringContaining("do not fit"),
    'The skill wrong has no file "../../etc/passwd".',
    "assets/x.png is no text: it cannot be read.",
    expect.stringContaining("is behind its end"),
  ]);
});

/** Of a machine that others keep busy too. */
const SLOWEST_MS = 2_000;
/** Three times 26 MB of bodies, and copies for who reads them: nothing of what they would unpack to. */
const MEMORY_BYTES = 600 * 1_024 ** 2;

/** What the process had in memory at most so far. */
async function peakBytes(): Promise<number> {
  const status = await readFile(`/proc/${product.server.process.pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1_024;
}

test("while attacks are uploaded others are answered, and memory stays", async () => {
  const main: RawEntry = { name: "SKILL.md", bytes: Buffer.from(skillText("a")) };
  const kernel = { name: "k", bytes: Buffer.alloc(30_000) };
  const attacks = [
    [{ name: "bomb", packed: deflatedZeros(10 * 1024 ** 3), claims: 1_000 }],
    [{ name: "bomb", packed: Buffer.alloc(9), claims: 10 * 1024 ** 3 }],
    Array.from({ length: 100_000 }, (_, at) => ({ name: `f${at}`, isStored: true })),
    [
      kernel,
      ...Array.from({ length: 200 }, (_, at) => ({ ...kernel, over: 1, localName: `k${at}` })),
    ],
    [{ name: "../../evil" }],
    [{ name: "link", bytes: Buffer.from("/etc/passwd"), mode: 0o120777 }],
  ].map((entries) => rawZip([main, ...entries]));
  const upload = async (zip: Buffer) => {
    const response = await fetch(`${product.url}/v2/skills`, {
      method: "POST",
      headers: { "X-API-Key": product.adminKey, "Content-Type": "application/zip" },
      body: Uint8Array.from(zip),
    });
    return response.status;
  };
  const before = await peakBytes();
  let isOver = false;
  const slowest = (async () => {
    let most = 0;
    while (!isOver) {
      const began = performance.now();
      await product.call("GET", "/v2/agents?limit=1");
      most = Math.max(most, performance.now() - began);
    }
    return most;
  })();

  const statuses = await Promise.all([...attacks, ...attacks, ...attacks].map(upload));
  isOver = true;

  const wanted = [400, 413, 413, 400, 400, 400];
  expect(statuses).toEqual([...wanted, ...wanted, ...wanted]);
  expect(await slowest).toBeLessThan(SLOWEST_MS);
  expect((await peakBytes()) - before).toBeLessThan(MEMORY_BYTES);
  expect((await product.call("POST", "/v2/skills", skillBody("after"))).status).toBe(201);
});
