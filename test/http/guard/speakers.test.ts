// Whose words they are, and where else than in the answer they stand: who leads a team, a node, a part, a
// remembered fact, an intent. What the chain of who speaks denies is in no response, no stream, no record.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;
beforeAll(async () => {
  host = await startHttpHost();
  await host.setBalance(10_000);
});
afterAll(() => host.stop());

/** The rules themselves stand in records: this is not found by what it finds. */
const ship = { type: "pattern", deny: ["heart[_ ]of[_ ]gold"] };
const deny = {
  ...{ on: ["output"], check: ship, action: "block" },
  ...{ name: "ships", message: "Not about ships." },
};
const mail = { on: ["output"], check: { type: "pii" }, action: "redact", name: "mail" };

async function made(path: string, fields: object): Promise<string> {
  const { body, status } = await host.call("POST", path, fields);
  expect([body.detail, status]).toEqual([undefined, 201]);
  return String(body.id ?? body.sub_agent_key);
}
const agent = (name: string, guardrails: readonly object[] = [], more: object = {}) =>
  made("/v2/agents", { name, model_name: `m-${name.toLowerCase()}`, guardrails, ...more });

/** What each model says, by name; of several texts one a call. */
function saying(texts: Readonly<Record<string, string | readonly string[]>>): void {
  const asked = new Map<string, number>();
  host.llm.script = ({ request, write }) => {
    const { model } = request;
    const at = asked.get(model) ?? 0;
    asked.set(model, at + 1);
    const given = texts[model] ?? "ok";
    const text = typeof given === "string" ? given : (given[at] ?? "ok");
    for (const piece of text.match(/.{1,6}/gs) ?? []) write(piece);
    return text;
  };
}
const ask = (path: string, id: string, more: object = {}) =>
  host.call("POST", `/v2/${path}/${id}/runs`, { input: "What shall we take?", ...more });

/** All that can be read of a run afterwards: its record holds those below it too. */
async function kept(run: string): Promise<string> {
  const reads: unknown[] = [];
  reads.push((await host.call("GET", `/v2/runs/${run}`)).body);
  let cursor = "";
  do {
    const { body } = await host.call("GET", `/v2/runs/${run}/record?cursor=${cursor}`);
    reads.push(body.data);
    cursor = body.next_cursor ?? "";
  } while (cursor !== "");
  reads.push(await (await host.events("GET", `/v2/runs/${run}/events`)).rest());
  const { conversation_key: talk } = (await host.call("GET", `/v2/runs/${run}`)).body;
  const of = `/v2/conversations/${talk}/messages`;
  if (talk !== null) reads.push((await host.call("GET", of)).body);
  const all = JSON.stringify(reads);
  // A stream may cut words: put together too.
  const words = [...all.matchAll(/\\"text\\":\\"((?:[^"\\]|\\\\.)*)\\"/g)];
  return all + words.map(([, text]) => text).join("");
}
async function streamed(path: string, id: string): Promise<string> {
  const sent = { input: "What shall we take?", mode: "stream" };
  const events = await (await host.events("POST", `/v2/${path}/${id}/runs`, sent)).rest();
  const texts = events.map(({ data }) => JSON.parse(data)?.text ?? "");
  return JSON.stringify(events) + texts.join("");
}

const leadingTeam = async (guardrails: readonly object[], more: object = {}, own: object = {}) => {
  const leader = await agent("Lead", guardrails, own);
  const member = await agent("Ann");
  const fields = { name: "Crew", mode: "coordinate", leader, members: [{ agent: member }] };
  return { leader, member, team: await made("/v2/teams", { ...fields, ...more }) };
};

test("the conclusion of a team goes through the chain of its leader, streamed or not", async () => {
  const { team, leader } = await leadingTeam([deny]);
  saying({ "m-lead": `We take the Heart of Gold.`, "m-ann": "Any ship." });

  const { body } = await ask("teams", team);
  const events = await streamed("teams", team);

  expect(body.response).toContain("Not about ships.");
  expect(body.finish_reason).toBe("content_filter");
  expect(body.guardrails).toMatchObject([{ rule: "ships", of: leader, on: "output" }]);
  for (const read of [JSON.stringify(body), events, await kept(body.run_id)]) {
    expect(read).not.toMatch(/heart of gold/i);
  }
  const rows = await host.call("GET", `/admin/audit?action=guardrail.block&subject=${leader}`);
  expect(rows.body.data[0]?.details).toMatchObject({ rule: "ships", check: "pattern" });
});

test("a leader's chain and its team's both hold, with one number for one value", async () => {
  const { team, leader } = await leadingTeam([mail], { guardrails: [{ ...deny, name: "t" }] });
  saying({ "m-lead": "Ask zap@ships.example.", "m-ann": "Ask zap@ships.example." });
  const first = (await ask("teams", team)).body;
  saying({ "m-lead": "Take the heart of gold.", "m-ann": "Ask zap@ships.example." });
  const second = (await ask("teams", team)).body;

  expect(first.response).toBe("Ask [EMAIL_1].");
  expect(first.guardrails).toMatchObject([{ rule: "mail", of: leader, count: 1 }]);
  expect(second.guardrails).toMatchObject([{ rule: "t", of: team, action: "block" }]);
  expect(second.response).toContain("Not about ships.");
});

test("what a member is asked and says is held to its own chain, and not to its leader's", async () => {
  const { team } = await leadingTeam([mail], { synthesis: false });
  saying({ "m-lead": "never", "m-ann": "Ask zap@ships.example." });

  const { body } = await ask("teams", team);

  expect([body.response, body.guardrails]).toEqual(["Ask zap@ships.example.", undefined]);
});

test("a plan that the leader's chain withholds is no plan, and nothing of it is shown", async () => {
  const { team } = await leadingTeam([deny], { mode: "supervisor" });
  const plan = (task: string) =>
    JSON.stringify({ reason: "so", tasks: [{ id: "a", member: "Ann", task, after: [] }] });
  saying({ "m-lead": [plan("Take the heart of gold"), "Done."], "m-ann": "Any ship." });
  const { body } = await ask("teams", team);
  const failing = await leadingTeam([deny], { mode: "supervisor", on_plan_failure: "fail" });
  saying({ "m-lead": [plan("Take the heart of gold"), "Done."], "m-ann": "Any ship." });
  const failed = await ask("teams", failing.team);

  expect(body.response).toBe("Done.");
  expect(await kept(body.run_id)).not.toMatch(/heart of gold/i);
  expect([failed.status, failed.body.code]).toEqual([400, "GUARDRAIL_BLOCKED"]);
});

test("a word of the leader that is withheld ends nothing: the rounds decide", async () => {
  const { team } = await leadingTeam([deny], { max_rounds: 2, stop: { leader: true } });
  const word = JSON.stringify({ done: true, reason: "The heart of gold it is.", next: "" });
  saying({ "m-lead": [word, "Done."], "m-ann": "Any ship." });

  const { body } = await ask("teams", team);

  expect(body.response).toBe("Done.");
  const read = await kept(body.run_id);
  expect(read).not.toMatch(/heart of gold/i);
  expect(read).toContain("2 of 2 rounds were held");
});

test("what a leader is asked goes through its rules of input; the members are asked as it was said", async () => {
  const on = ["input"];
  const { team } = await leadingTeam([{ ...mail, on }]);
  saying({ "m-lead": "Done.", "m-ann": "Any ship." });
  await ask("teams", team, { input: "Tell zap@ships.example." });
  const [leader, member] = ["m-lead", "m-ann"].map((model) =>
    JSON.stringify(host.llm.requests.findLast((one) => one.model === model)?.messages),
  );
  const blocking = await leadingTeam([{ ...deny, on }]);
  const calls = host.llm.requests.filter(({ model }) => model === "m-lead").length;
  const refused = await ask("teams", blocking.team, { input: "Is the heart of gold ours?" });

  expect(member).toContain("zap@ships.example");
  expect(leader).not.toContain("zap@ships.example");
  expect(leader).toContain("[EMAIL_1]");
  expect([refused.status, refused.body.code]).toEqual([400, "GUARDRAIL_BLOCKED"]);
  expect(host.llm.requests.filter(({ model }) => model === "m-lead").length).toBe(calls);
});

test("a judge of what a leader is asked is heard before the leader", async () => {
  const judge = { type: "judge", model: "m-judge", policy: "No ships." };
  const { team } = await leadingTeam([{ ...deny, on: ["input"], check: judge }]);
  saying({ "m-lead": "Done.", "m-ann": "Any.", "m-judge": '{"score": 0.9}' });
  const from = host.llm.requests.length;
  const refused = await ask("teams", team);

  expect([refused.status, refused.body.code]).toEqual([400, "GUARDRAIL_BLOCKED"]);
  const since = host.llm.requests.slice(from).map(({ model }) => model);
  expect(since).toContain("m-judge");
  expect(since).not.toContain("m-lead");
});

test("a judge of the leader's is paid within the run of the team, and counted in its usage", async () => {
  const judge = { type: "judge", model: "m-judge", policy: "No ships." };
  const { team } = await leadingTeam([{ ...deny, check: judge }]);
  saying({ "m-lead": "Take the ship.", "m-ann": "Any.", "m-judge": '{"score": 0.9}' });
  const { body } = await ask("teams", team);
  const plain = await leadingTeam([]);
  const without = (await ask("teams", plain.team)).body;

  expect(body.response).toBe("Not about ships.");
  expect(body.usage.total_tokens * 2).toBe(without.usage.total_tokens * 3);
});

test("what a leader without a model puts together goes through its chain, shown or as a part", async () => {
  const { team } = await leadingTeam([mail], {}, { model_name: "builtin" });
  saying({ "m-ann": "Ask zap@ships.example." });
  const workflow = await made("/v2/workflows", {
    name: "Flow",
    state_schema: { type: "object", properties: { said: { type: "string" } } },
    graph_definition: {
      nodes: [
        { id: "crew", type: "agent", ref: team, save: "said" },
        { id: "last", type: "agent", ref: await agent("Last"), input: "state.said" },
        { id: "end", type: "end" },
      ],
      edges: [
        { from: "crew", to: "last" },
        { from: "last", to: "end" },
      ],
    },
  });

  const { body } = await ask("teams", team);
  const part = await ask("workflows", workflow, { input: { what: "x" } });
  const last = host.llm.requests.findLast(({ model }) => model === "m-last")?.messages.at(-1);

  expect([body.response, part.status]).toEqual(["Ask [EMAIL_1].", 200]);
  expect(last?.content).toContain("Ask [EMAIL_1].");
});

test("who leads a team that it has given a task to is looked at once", async () => {
  const { leader, team } = await leadingTeam([{ ...deny, action: "flag" }]);
  await host.call("PATCH", `/v2/agents/${leader}`, {
    tools: [{ name: "crew", tool: "delegate", config: { agent: team } }],
  });
  let asked = 0;
  host.llm.script = ({ request: { model, tools } }) => {
    if (model !== "m-lead") return "Any.";
    asked += 1;
    if (asked > 1) return asked === 2 ? "Take the heart of gold." : "Done.";
    return { calls: [{ name: tools?.[0]?.name ?? "", arguments: { task: "Which ship?" } }] };
  };

  const { body } = await ask("agents", leader);

  expect(body.response).toBe("Done.");
  expect(body.guardrails).toMatchObject([{ rule: "ships", of: leader, action: "flag" }]);
  expect(body.guardrails).toHaveLength(1);
});

test("a leader's rule that asks a person waits with the conclusion, and it is shown when approved", async () => {
  const { team } = await leadingTeam([{ ...deny, action: "ask" }]);
  saying({ "m-lead": "Take the heart of gold.", "m-ann": "Any." });
  const answering = ask("teams", team);
  const list = () => host.call("GET", "/v2/approvals?status=pending");
  await expect.poll(async () => (await list()).body.data.length, { timeout: 5_000 }).toBe(1);
  const [{ id, run_id }] = (await list()).body.data;
  const before = await (async () => (await host.call("GET", `/v2/runs/${run_id}`)).body)();
  await host.call("POST", `/v2/approvals/${id}/decide`, { decision: "approve" });

  expect(JSON.stringify(before)).not.toMatch(/heart of gold/i);
  expect((await answering).body.response).toBe("Take the heart of gold.");
});

test("the node that a workflow ends with goes through the chain of its agent", async () => {
  const worker = await agent("Node", [deny]);
  const workflow = await made("/v2/workflows", {
    name: "Flow",
    graph_definition: {
      nodes: [
        { id: "ask", type: "agent", ref: worker },
        { id: "end", type: "end" },
      ],
      edges: [{ from: "ask", to: "end" }],
    },
  });
  saying({ "m-node": "We take the Heart of Gold." });

  const { body } = await ask("workflows", workflow, { input: { what: "x" } });
  const events = await streamed("workflows", workflow);

  expect(JSON.stringify(body)).toContain("Not about ships.");
  for (const read of [JSON.stringify(body), events, await kept(body.run_id)]) {
    expect(read).not.toMatch(/heart of gold/i);
  }
});

test("a routed part, and the intent that a model gives for it, go through the chain of the agent", async () => {
  const id = await agent("Parts", [deny]);
  const part = (name: string, keywords: readonly string[]) =>
    made(`/v2/agents/${id}/sub-agents`, {
      ...{ name, model_name: "m-part", trigger: { description: `about ${name}`, keywords } },
    });
  await part("Billing", ["invoice", "bill"]);
  await part("Refunds", ["refund", "money back"]);
  saying({
    "m-parts": ['{"choice":2,"intent":"heart_of_gold"}'],
    "m-part": "It is the Heart of Gold.",
  });

  const input = "my grandmother plays the accordion";
  const { body } = await ask("agents", id, { input });
  const clear = (await ask("agents", id, { input: "Where is my refund?" })).body;

  expect(clear.response).toContain("Not about ships.");
  for (const run of [body, clear]) {
    expect(JSON.stringify(run)).not.toMatch(/heart[ _]of[ _]gold/i);
    expect(await kept(run.run_id)).not.toMatch(/heart[ _]of[ _]gold/i);
  }
});

test("values that a model reports beside its answer are in no record of the run either", async () => {
  const id = await agent("Form", [deny, mail], {
    required_parameters: {
      type: "object",
      properties: { ship: { type: "string" }, to: { type: "string" } },
      required: ["ship", "to"],
    },
  });
  const data = (values: object) => `Noted.\n<data>${JSON.stringify(values)}</data>`;
  saying({ "m-form": [data({ ship: "Heart of Gold" }), data({ to: "zap@ships.example" })] });

  const blocked = (await ask("agents", id)).body;
  const redacted = (await ask("agents", id)).body;

  for (const { run_id } of [blocked, redacted]) {
    expect(await kept(run_id)).not.toMatch(/heart of gold|zap@ships/i);
  }
});

test("names of our own fields are not what was said", async () => {
  const words = ["data", "output", "collected", "reason", "pointer", "missing"];
  const id = await agent("Names", [{ ...deny, check: { type: "words", words } }]);
  saying({ "m-names": "Hello." });

  const { body } = await ask("agents", id);

  expect([body.response, body.guardrails, body.finish_reason]).toEqual([
    ...["Hello.", undefined, "stop"],
  ]);
});

test("why an answer does not fit says nothing of what was redacted of it", async () => {
  const schema = { type: "object", properties: {}, additionalProperties: false };
  const id = await agent("Typed", [mail]);
  await made(`/v2/agents/${id}/sub-agents`, {
    ...{ name: "Taker", model_name: "m-part", output_schema: schema },
    trigger: { keywords: ["take"], description: "What to take." },
  });
  saying({ "m-part": Array<string>(5).fill('{"zap@ships.example": 1}') });

  const { body, status } = await ask("agents", id);

  expect(status).toBe(502);
  expect(JSON.stringify(body)).not.toContain("zap@ships");
});

test("a fact that a model finds is not kept when the chain denies it, and redacted as it says", async () => {
  const memory = { type: "vector_db", extract: "after_turn" };
  const id = await agent("Memo", [deny, mail], { memory });
  const fact = (text: string) => ({ text, kind: "fact", importance: 0.9, replaces: "" });
  const facts = ["The user owns the heart of gold.", "The user is zap@ships.example.", "He sails."];
  saying({ "m-memo": ["Hello.", JSON.stringify({ facts: facts.map(fact) })] });

  const { body } = await host.call("POST", "/v1/proxy/core-agent-chat", {
    ...{ agent_key: id, message: "I sail.", user_key: "zap" },
  });
  const listed = async (): Promise<readonly string[]> =>
    (await host.call("GET", `/v2/memories?agent_key=${id}&user_key=zap`)).body.data.map(
      ({ text }: Json) => text,
    );
  await expect.poll(async () => (await listed()).length, { timeout: 5_000 }).toBe(2);

  expect([...(await listed())].sort()).toEqual(["He sails.", "The user is [EMAIL_1]."]);
  expect(await kept(body.run_id)).not.toMatch(/heart of gold|zap@ships/i);
  const { data } = (await host.call("GET", "/v2/runs?kind=memory-turn")).body;
  expect(await kept(data[0].id)).not.toMatch(/heart of gold|zap@ships/i);
});

test("facts of who took part in a team go through the team's chain too, and through judges", async () => {
  const judge = { type: "judge", model: "m-judge", policy: "No sailing." };
  const member = await agent("Memo", [{ ...deny, name: "sea", check: judge }], {
    memory: { type: "vector_db", extract: "after_turn" },
  });
  const team = await made("/v2/teams", {
    ...{ name: "Crew", mode: "coordinate", members: [{ agent: member }], guardrails: [deny] },
  });
  const fact = (text: string) => ({ text, kind: "fact", importance: 0.9, replaces: "" });
  const facts = ["The user owns the heart of gold.", "The user sails.", "The user swims."].map(
    fact,
  );
  host.llm.script = ({ request }) => {
    const last = String(request.messages.at(-1)?.content);
    if (request.model === "m-judge") return `{"score": ${last.includes("sails") ? 1 : 0}}`;
    const isExtraction = String(request.messages[0]?.content).includes("long-term memory");
    return isExtraction ? JSON.stringify({ facts }) : "Hello.";
  };

  const sent = { agent_key: team, message: "I swim.", user_key: "zap" };
  expect((await host.call("POST", "/v1/proxy/core-agent-chat", sent)).status).toBe(200);
  const listed = async (): Promise<readonly string[]> =>
    (await host.call("GET", `/v2/memories?agent_key=${member}&user_key=zap`)).body.data.map(
      ({ text }: Json) => text,
    );
  await expect.poll(async () => (await listed()).length, { timeout: 5_000 }).toBeGreaterThan(0);

  expect(await listed()).toEqual(["The user swims."]);
});
