// Lines of runs through the real door: `concurrency` of an agent, and how many agents work by themselves at once.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { limits } from "../../../actors/limits.ts";
import type { AgentOrigin } from "../../../actors/records/constraints.ts";
import type { Launches } from "../../../actors/triggers/port.ts";
import { createLaunches } from "../../../adapters/triggers/launches.ts";
import { type PackDesk, startPackDesk } from "../../support/pack-desk.ts";
import { createGate, type Gate } from "../../support/scripted-llm.ts";
import type { Json } from "../../support/wire-client.ts";

let desk: PackDesk;
let launches: Launches;
/** Of each message, by its words: the model answers it when its gate is opened. */
let gates = new Map<string, Gate>();
/** Messages as they came to the model. */
let begun: string[] = [];

beforeAll(async () => {
  desk = await startPackDesk();
  await desk.host.setBalance(10_000);
  const { system } = desk.host;
  launches = createLaunches({ chat: desk.services.chat, system, atOnce: 1 });
});
afterAll(() => desk.host.stop());
afterEach(() => {
  for (const gate of gates.values()) gate.open();
  gates = new Map();
  begun = [];
});

function gated(...words: readonly string[]): void {
  for (const word of words) gates.set(word, createGate());
  desk.host.llm.script = async ({ request, signal }) => {
    const said = String(request.messages.at(-1)?.content);
    begun.push(said);
    await gates.get(said)?.wait(signal);
    return `Answer to ${said}`;
  };
}

async function agentWith(more: object = {}, origin: AgentOrigin = null): Promise<string> {
  const caller = { tenant: desk.host.tenant, keyId: null, service: "test" };
  const input = { name: "Lined", model_name: "m-1", ...more };
  const { value } = await desk.services.agents.create(caller as never, input, null, origin);
  return value.agent.agent_key;
}

const begin = async (agent: string, input: string): Promise<Json> =>
  (await desk.host.call("POST", `/v2/agents/${agent}/runs`, { input, mode: "background" })).body;
const statusOf = async (run: string): Promise<string> =>
  (await desk.host.call("GET", `/v2/runs/${run}`)).body.status;
const until = (run: string, status: string) =>
  expect.poll(() => statusOf(run), { timeout: 5_000 }).toBe(status);

let count = 0;
const launched = async (target: string, text: string): Promise<Json> => {
  count += 1;
  const conversation = `cv_line${count}`;
  const launch = { tenant: desk.host.tenant, target, text, conversation, depth: 0 };
  const key = `k${count}`;
  const of = { trigger: "tr_none", occurrence: `tr_none.${count}`, key };
  return await launches.launch({ ...launch, ...of }, new AbortController().signal);
};

test("an agent works on as many at once as it says, and on the others in their order", async () => {
  const agent = await agentWith({ constraints: { concurrency: 2 } });
  gated("a", "b", "c", "d");
  const runs = [];
  for (const word of ["a", "b", "c", "d"]) runs.push((await begin(agent, word)).id);
  const [a = "", b = "", c = "", d = ""] = runs;
  await expect.poll(() => begun).toEqual(["a", "b"]);

  expect([await statusOf(c), await statusOf(d)]).toEqual(["queued", "queued"]);
  gates.get("b")?.open();
  await until(b, "completed");
  await expect.poll(() => begun).toEqual(["a", "b", "c"]);
  expect(await statusOf(d)).toBe("queued");
  gates.get("a")?.open();
  gates.get("c")?.open();
  await expect.poll(() => begun).toEqual(["a", "b", "c", "d"]);
  gates.get("d")?.open();
  for (const run of [a, c, d]) await until(run, "completed");
});

test("one that waits is cancelled without those behind it losing their place, and a completion waits too", async () => {
  const agent = await agentWith({ constraints: { concurrency: 1 } });
  gated("e", "f", "g", "h");
  await begin(agent, "e");
  const f = await begin(agent, "f");
  const g = await begin(agent, "g");
  const messages = [{ role: "user", content: "h" }];
  const completion = desk.host.call("POST", "/v1/chat/completions", {
    ...{ model: `agent:${agent}`, messages },
  });
  await desk.host.call("POST", `/v2/runs/${f.id}/cancel`);
  await until(f.id, "cancelled");
  gates.get("e")?.open();

  await expect.poll(() => begun).toEqual(["e", "g"]);
  gates.get("g")?.open();
  await until(g.id, "completed");
  await expect.poll(() => begun).toEqual(["e", "g", "h"]);
  gates.get("h")?.open();
  expect((await completion).body.choices[0].message.content).toBe("Answer to h");
});

test("in a conversation where a trigger's work waits in line people are answered at once, and the work follows", async () => {
  const one = await agentWith({}, "file");
  const other = await agentWith({}, "file");
  gated("s", "u", "v");
  const s = await launched(other, "s");
  await expect.poll(() => begun).toEqual(["s"]);
  const t = await launched(one, "t");
  const { conversation_key: conversation } = (await desk.host.call("GET", `/v2/runs/${t.run}`))
    .body;
  const speak = (input: string) =>
    desk.host.call("POST", `/v2/agents/${one}/runs`, {
      ...{ input, conversation_key: conversation, mode: "background" },
      on_busy: input === "u" ? "reject" : "enqueue",
    });
  const u = await speak("u");
  expect([u.status, await statusOf(t.run)]).toEqual([202, "queued"]);
  const v = await speak("v");
  await expect.poll(() => begun).toEqual(["s", "u"]);
  // Its place comes while somebody is answered.
  gates.get("s")?.open();
  await until(s.run, "completed");
  gates.get("u")?.open();
  await until(u.body.id, "completed");

  await until(t.run, "completed");
  gates.get("v")?.open();
  await until(v.body.id, "completed");
  expect(begun).toEqual(["s", "u", "t", "v"]);
  const { tables } = desk.host.system;
  await expect.poll(() => tables.counter(desk.host.tenant, "line.autonomous")).toBe(0);
});

test("one that is resumed, and one that is forked, wait in the line too, and do again what they were to do", async () => {
  const agent = await agentWith({ constraints: { concurrency: 1 } });
  gated("p", "q");
  const o = await begin(agent, "o");
  await until(o.id, "completed");
  const p = await begin(agent, "p");
  await expect.poll(() => begun).toEqual(["o", "p"]);
  await desk.host.call("POST", `/v2/runs/${p.id}/cancel`);
  await until(p.id, "cancelled");
  const q = await begin(agent, "q");
  await expect.poll(() => begun).toEqual(["o", "p", "q"]);
  const mode = "background";
  const resumed = await desk.host.call("POST", `/v2/runs/${p.id}/resume`, { mode });
  const step = "model:1";
  const forked = await desk.host.call("POST", `/v2/runs/${o.id}/fork`, { step, mode });

  const again = [resumed.body.id, forked.body.id];
  expect(await Promise.all(again.map(statusOf))).toEqual(["queued", "queued"]);
  gates.get("p")?.open();
  gates.get("q")?.open();
  for (const run of [q.id, ...again]) await until(run, "completed");
  expect(begun).toEqual(["o", "p", "q", "p", "o"]);
});

test("a line that is full refuses with when to come again, and forgets nobody", async () => {
  const agent = await agentWith({ constraints: { concurrency: 1 } });
  gated();
  const { tables } = desk.host.system;
  const counter = `line.${agent}`;
  const full = limits.lineWaiting + 1;
  await tables.write(desk.host.tenant, [{ type: "add", counter, delta: -full }]);

  const refused = await desk.host.call("POST", `/v2/agents/${agent}/runs`, { input: "i" });
  await tables.write(desk.host.tenant, [{ type: "add", counter, delta: full }]);
  const taken = await desk.host.call("POST", `/v2/agents/${agent}/runs`, { input: "i" });

  expect([refused.status, refused.body.code]).toEqual([429, "MAILBOX_FULL"]);
  expect(Number(refused.headers.get("retry-after"))).toBe(limits.lineRetryMs / 1_000);
  expect(taken.body.response).toBe("Answer to i");
  await expect.poll(() => tables.counter(desk.host.tenant, counter)).toBe(0);
});

test("agents with an origin work by themselves one after the other; chats, and other agents, are not counted", async () => {
  const [one, two] = [await agentWith({}, "file"), await agentWith({}, "agents_v1")];
  const plain = await agentWith();
  gated("j", "k", "l", "m", "n");
  const j = await launched(one, "j");
  const k = await launched(two, "k");
  const l = await launched(plain, "l");
  const m = await begin(two, "m");
  const n = await launched(one, "n");

  await expect.poll(() => begun.toSorted()).toEqual(["j", "l", "m"]);
  expect([j.isQueued, k.isQueued, l.isQueued, n.isQueued]).toEqual([true, true, false, true]);
  expect(await statusOf(k.run)).toBe("queued");
  for (const gate of ["j", "l", "m"]) gates.get(gate)?.open();
  await until(m.id, "completed");
  await expect.poll(() => begun.at(-1)).toBe("k");
  expect(await statusOf(n.run)).toBe("queued");
  gates.get("k")?.open();
  await expect.poll(() => begun.at(-1)).toBe("n");
  gates.get("n")?.open();
  await until(n.run, "completed");
});
