// Prompts through the real door: what is refused when one is stored, what a preview says, prompts in
// prompts, and agents that run by one.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;
beforeAll(async () => {
  host = await startHttpHost();
  await host.setBalance(10_000);
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.script = () => "ok";
});

const post = (path: string, body?: unknown) => host.call("POST", path, body);
const make = async (body: object): Promise<Json> => {
  const { status, body: made } = await post("/v2/prompts", body);
  expect([made.detail, status]).toEqual([undefined, 201]);
  return made;
};
const string = (name: string, more = {}) => ({ name, type: "string", ...more });
const systemOf = (): string => String(host.llm.requests.at(-1)?.messages[0]?.content);

test("what makes no sense in a prompt is refused with its place", async () => {
  const wrong = [
    [{ template: "{{#a}}" }, "/template", "cannot be read"],
    [{ template: "one\ntwo {{who}}" }, "/template", "{{who}} in line 2, character 5"],
    [{ template: "{{> pr_none}}" }, "/template", "Prompt pr_none does not exist."],
    [{ template: "{{> Nobody}}" }, "/template", 'There is no prompt "Nobody".'],
    [{ variables: [string("a"), string("a")] }, "/variables/1/name", "two variables a"],
    [{ variables: [{ name: "a", type: "enum" }] }, "/variables/0/values", "needs its values"],
    [{ variables: [string("a", { values: ["x"] })] }, "/variables/0/values", "Only an enum"],
    [{ variables: [string("a", { default: 1 })] }, "/variables/0/default", "must be a string"],
    [
      { variables: [{ name: "a", type: "enum", values: ["x"], default: "y" }] },
      "/variables/0/default",
      "one of x",
    ],
    [{ variables: [{ name: "a", type: "date" }] }, "/variables/0/type", "must be"],
  ] as const;
  for (const [fields, pointer, text] of wrong) {
    const { status, body } = await post("/v2/prompts", { name: "P", template: "x", ...fields });

    expect([fields, status, body.pointer]).toEqual([fields, 400, pointer]);
    expect(body.detail).toContain(text);
  }
});

test("a preview fills values, defaults and items, and names what it used", async () => {
  const { id } = await make({
    name: "Offer",
    template:
      "Dear {{who}}, {{#items}}{{name}} at {{price}} {{/items}}({{tone}}){{^note}}!{{/note}}",
    variables: [
      string("who", { required: true }),
      { name: "items", type: "array", default: [] },
      { name: "tone", type: "enum", values: ["warm", "cold"], default: "warm" },
      string("note"),
      { name: "unused", type: "integer", default: 3 },
    ],
  });
  const variables = { who: "A & <B>", items: [{ name: "tea", price: 2 }] };

  const { status, body } = await post(`/v2/prompts/${id}/preview`, { variables });
  const plain = await post(`/v2/prompts/${id}/preview`, { variables: { who: "you" } });

  expect(status).toBe(200);
  expect(body).toEqual({
    text: "Dear A & <B>, tea at 2 (warm)!",
    version: 1,
    variables: { ...variables, tone: "warm" },
    partials: [],
  });
  expect(plain.body.text).toBe("Dear you, (warm)!");
});

test("a value that is missing, of another type or of no variable is refused with its place", async () => {
  const { id } = await make({
    name: "Typed",
    template: "{{s}}{{i}}{{n}}{{b}}{{a}}{{o}}{{e}}",
    variables: [
      string("s", { required: true }),
      ...["integer", "number", "boolean", "array", "object"].map((type) => ({
        name: type.charAt(0),
        type,
      })),
      { name: "e", type: "enum", values: ["x", "y"] },
    ],
  });
  const wrong = [
    [{}, "/variables/s", "needs the variable s"],
    [{ s: 1 }, "/variables/s", "must be a string"],
    [{ s: "", i: 1.5 }, "/variables/i", "must be an integer"],
    [{ s: "", n: "1" }, "/variables/n", "must be a number"],
    [{ s: "", b: 0 }, "/variables/b", "must be a boolean"],
    [{ s: "", a: {} }, "/variables/a", "must be an array"],
    [{ s: "", o: [] }, "/variables/o", "must be an object"],
    [{ s: "", e: "z" }, "/variables/e", "one of x, y"],
    [{ s: "", "a/b": 1 }, "/variables/a~1b", "no variable a/b"],
  ] as const;
  for (const [variables, pointer, text] of wrong) {
    const { status, body } = await post(`/v2/prompts/${id}/preview`, { variables });

    expect([variables, status, body.pointer]).toEqual([variables, 400, pointer]);
    expect(body.detail).toContain(text);
  }
  expect((await post("/v2/prompts/pr_none/preview")).status).toBe(404);
  expect((await post(`/v2/prompts/${id}/preview`, { version: 9 })).status).toBe(404);
  const key = await host.makeKey(["agents"]);
  const denied = await host.call("POST", `/v2/prompts/${id}/preview`, {}, { key });
  expect(denied.status).toBe(403);
});

test("a prompt in another is the newest one, or the version that is named", async () => {
  const style = await make({
    name: "House style",
    template: "Be {{tone}}.",
    variables: [string("tone", { default: "kind" })],
  });
  const outer = await make({
    name: "Outer",
    template: "Now: {{> House style}} Then: {{> House style@1}}",
  });
  await host.call("PATCH", `/v2/prompts/${style.id}`, {
    template: "Stay {{tone}}.",
    name: "House style, renamed",
  });

  const { body } = await post(`/v2/prompts/${outer.id}/preview`, { variables: { tone: "calm" } });

  expect(body.text).toBe("Now: Stay calm. Then: Be calm.");
  expect(body.variables).toEqual({ tone: "calm" });
  expect(body.partials.map(({ id, version }: Json) => [id, version])).toEqual([
    [style.id, 2],
    [style.id, 1],
  ]);
});

test("no prompt gets into itself, whichever of the circle is changed last", async () => {
  const a = await make({ name: "Ring A", template: "a" });
  const b = await make({ name: "Ring B", template: `b {{> ${a.id}}}` });
  const c = await make({ name: "Ring C", template: "c {{> Ring B}}" });

  const answers = [
    await host.call("PATCH", `/v2/prompts/${a.id}`, { template: `{{> ${c.id}}}` }),
    await host.call("PATCH", `/v2/prompts/${a.id}`, { template: "{{> Ring A}}" }),
    await host.call("PATCH", `/v2/prompts/${b.id}`, { template: "{{> Ring C}}" }),
  ];
  const both = await Promise.all([
    host.call("PATCH", `/v2/prompts/${a.id}`, { template: `{{> ${c.id}}}` }),
    host.call("PATCH", `/v2/prompts/${c.id}`, { template: `{{> ${b.id}}} {{> ${a.id}}}` }),
  ]);

  for (const { status, body } of answers) {
    expect([status, body.pointer]).toEqual([400, "/template"]);
    expect(body.detail).toContain("cannot be in itself");
  }
  expect(both.map(({ status }) => status)).toEqual([400, 200]);
});

test("of several prompts with a name none is taken by it", async () => {
  await make({ name: "Twin", template: "1" });
  await make({ name: "Twin", template: "2" });

  const { status, body } = await post("/v2/prompts", { name: "X", template: "{{> Twin}}" });

  expect([status, body.pointer]).toEqual([400, "/template"]);
  expect(body.detail).toContain("Several prompts are called");
});

test("a prompt in use is not removed, and says by whom; then it is", async () => {
  const prompt = await make({ name: "Used", template: "x" });
  const outer = await make({ name: "User", template: "{{> Used}}" });
  const agent = await post("/v2/agents", { name: "Desk", prompt_id: prompt.id });
  const one = `/v2/prompts/${prompt.id}`;

  const used = await host.call("GET", `${one}/used-by`);
  const refused = await host.call("DELETE", one);
  const listed = await host.call("GET", `/v2/agents?prompt_id=${prompt.id}`);
  const foreign = await host.call("GET", `${one}/used-by`, undefined, { key: host.otherKey });
  await host.call("PATCH", `/v2/agents/${agent.body.id}`, { prompt_id: null });
  const half = await host.call("DELETE", one);
  await host.call("DELETE", `/v2/prompts/${outer.id}`);
  const gone = await host.call("DELETE", one);

  expect(used.body.data).toEqual([
    { id: agent.body.id, kind: "agent", name: "Desk" },
    { id: outer.id, kind: "prompt", name: "User" },
  ]);
  expect([refused.status, refused.body.code]).toEqual([409, "CONFLICT"]);
  expect(refused.body.detail).toContain(`agent ${agent.body.id} (Desk)`);
  expect(listed.body.data.map(({ id }: Json) => id)).toEqual([agent.body.id]);
  expect([foreign.status, half.status, gone.status]).toEqual([404, 409, 204]);
});

test("a prompt that only a draft or the canary of an agent names is in use", async () => {
  const [first, second, third] = [
    await make({ name: "One", template: "1" }),
    await make({ name: "Two", template: "2" }),
    await make({ name: "Three", template: "3" }),
  ];
  const made = await post("/v2/agents", { name: "Tried", prompt_id: first.id });
  const agent = `/v2/agents/${made.body.id}`;
  const remove = async ({ id }: Json): Promise<number> =>
    (await host.call("DELETE", `/v2/prompts/${id}`)).status;

  const draft = await post(`${agent}/versions`, { prompt_id: second.id });
  // Others come and go between the draft and its use, and the first version is another's canary.
  await host.call("PATCH", agent, { prompt_id: third.id });
  const used = await host.call("GET", `/v2/prompts/${second.id}/used-by`);
  const ofDraft = await remove(second);
  const canary = await host.call("PUT", `${agent}/canary`, { version: 1, share: 0.5 });
  const ofCanary = await remove(first);
  const patched = await host.call("PATCH", agent, { agent_config: null });
  const free = await remove(first);
  const gone = await host.call("PUT", `${agent}/canary`, { version: 1, share: 0.5 });
  const back = await post(`${agent}/versions/1/rollback`, {});
  const promoted = await post(`${agent}/versions/${draft.body.version}/rollback`, {});

  expect([draft.status, canary.status, patched.status]).toEqual([201, 200, 200]);
  expect(used.body.data).toEqual([{ id: made.body.id, kind: "agent", name: "Tried" }]);
  expect([ofDraft, ofCanary, free]).toEqual([409, 409, 204]);
  expect([gone.status, gone.body.pointer, back.status]).toEqual([400, "/version", 400]);
  expect([promoted.status, await remove(second), await remove(third)]).toEqual([200, 409, 204]);
});

test("of an agent that takes a prompt while it is removed, one is refused", async () => {
  for (let round = 0; round < 5; round += 1) {
    const { id } = await make({ name: `Race ${round}`, template: "x" });

    const [agent, removed] = await Promise.all([
      post("/v2/agents", { name: "Racer", prompt_id: id }),
      host.call("DELETE", `/v2/prompts/${id}`),
    ]);

    expect([
      [201, 409],
      [400, 204],
    ]).toContainEqual([agent.status, removed.status]);
    if (agent.status === 400) expect(agent.body.pointer).toBe("/prompt_id");
  }
});

test("an agent's prompt fields are checked when it is stored", async () => {
  const { id } = await make({
    name: "Of agents",
    template: "{{n}}",
    variables: [{ name: "n", type: "integer" }],
  });
  const wrong = [
    [{ prompt_id: "pr_none" }, "/prompt_id"],
    [{ prompt_id: id, prompt_version: 7 }, "/prompt_version"],
    [{ prompt_version: 1 }, "/prompt_version"],
    [{ prompt_variables: { n: 1 } }, "/prompt_variables"],
    [{ prompt_id: id, prompt_variables: { n: "1" } }, "/prompt_variables/n"],
    [{ prompt_id: id, prompt_variables: { m: 1 } }, "/prompt_variables/m"],
  ] as const;
  for (const [fields, pointer] of wrong) {
    const { status, body } = await post("/v2/agents", { name: "A", ...fields });

    expect([fields, status, body.pointer]).toEqual([fields, 400, pointer]);
  }
  const foreign = await host.call(
    ...(["POST", "/v2/agents", { name: "A", prompt_id: id }, { key: host.otherKey }] as const),
  );
  expect([foreign.status, foreign.body.pointer]).toEqual([400, "/prompt_id"]);
});

test("an agent runs by the newest version of its prompt, or by the one it names", async () => {
  const prompt = await make({
    name: "Desk prompt",
    template: "You serve {{company}}.",
    variables: [string("company", { required: true })],
  });
  const fields = {
    name: "Desk",
    model_name: "m-1",
    system_message: "not this",
    prompt_id: prompt.id,
    prompt_variables: { company: "Acme" },
  };
  const newest = (await post("/v2/agents", fields)).body.id;
  const fixed = (await post("/v2/agents", { ...fields, prompt_version: 1 })).body.id;
  const said = async (agent: string): Promise<string> => {
    const run = await post(`/v2/agents/${agent}/runs`, { input: "Tell me about it" });
    expect(run.body.status).toBe("completed");
    return systemOf();
  };

  const before = await said(newest);
  await host.call("PATCH", `/v2/prompts/${prompt.id}`, { template: "You help {{company}}." });

  expect(before).toContain("You serve Acme.");
  expect(before).not.toContain("not this");
  expect(await said(newest)).toContain("You help Acme.");
  expect(await said(fixed)).toContain("You serve Acme.");
});

test("a run keeps the prompt that it began with, its sub-agents too", async () => {
  const prompt = await make({ name: "Kept", template: "First words." });
  const agent = (
    await post("/v2/agents", { name: "Desk", model_name: "m-1", prompt_id: prompt.id })
  ).body.id;
  for (const name of ["Exports", "Bills"]) {
    await post(`/v2/agents/${agent}/sub-agents`, {
      name,
      trigger: { keywords: [name.toLowerCase()] },
      model_name: "m-1",
    });
  }
  const gate = createGate();
  host.llm.script = async () => {
    await gate.opened;
    return "ok";
  };
  const from = host.llm.requests.length;

  const running = post(`/v2/agents/${agent}/runs`, { input: "exports please" });
  await expect.poll(() => host.llm.requests.length, { timeout: 5_000 }).toBeGreaterThan(from);
  await host.call("PATCH", `/v2/prompts/${prompt.id}`, { template: "Other words." });
  gate.open();
  await running;

  const systems = host.llm.requests.slice(from).map(({ messages }) => String(messages[0]?.content));
  expect(systems.some((text) => text.includes("First words."))).toBe(true);
  expect(systems.some((text) => text.includes("Other words."))).toBe(false);
});

test("a run whose prompt lacks a value fails and says which", async () => {
  const prompt = await make({
    name: "Lacking",
    template: "{{who}}",
    variables: [string("who", { required: true })],
  });
  const agent = (
    await post("/v2/agents", { name: "Desk", model_name: "m-1", prompt_id: prompt.id })
  ).body.id;

  const run = await post(`/v2/agents/${agent}/runs`, { input: "hello there" });

  expect([run.status, run.body.code, run.body.pointer]).toEqual([400, "INVALID", "/variables/who"]);
  expect(run.body.detail).toContain("needs the variable who");
});
