// Another agent as a part of a run: which version answers, what it is told, what a viewer sees of it.

import { afterEach, expect, test } from "vitest";
import { askTarget } from "../../actors/ask-target.ts";
import type { Ports } from "../../actors/ports.ts";
import { metered, payerOf } from "../../actors/spend.ts";
import type { Task, TurnInput, TurnResult } from "../../actors/turn-input.ts";
import { defineRun } from "../../runtime/actor.ts";
import { type AgentsHost, newAgent, newConversation, startAgents } from "../support/agents-host.ts";
import { createGate, createScriptedLlm } from "../support/scripted-llm.ts";

let host: AgentsHost | undefined;
afterEach(async () => {
  await host?.stop();
  host = undefined;
});

/** A run that asks its two members one after the other: the second is told what the first said. */
const relay = defineRun<TurnInput, TurnResult, Ports>({
  kind: "team",
  run: (input, context) =>
    metered(context, payerOf(input), async (meter) => {
      const members = (await context.row("teams-versions", `${input.agent}.${input.version}`)) as {
        readonly record: { readonly members: readonly [string, string]; readonly seen: boolean };
      };
      const { members: names, seen } = members.record;
      const ask = (key: string, target: string, task: Task): Promise<TurnResult> =>
        askTarget(context, key, { target, of: input, task }, meter);
      const first = await ask("first", names[0], { text: "begin", show: false });
      const told = [{ role: "user", content: `${first.text} was said.` }] as const;
      const second = await ask("second", names[1], {
        text: "go on",
        transcript: told,
        instruction: "Be brief.",
        show: seen,
      });
      const again = await ask("again", names[0], { text: "end", show: false });
      return { ...second, text: `${second.text}; ${again.text}` };
    }),
});

async function start(llm: ReturnType<typeof createScriptedLlm>, seen = true) {
  host = await startAgents({ llm, definitions: [relay] });
  await host.setBalance(100_000);
  const members = [newAgent(), newAgent()] as const;
  await host.putAgent({ agent_key: members[0], name: "Ann" });
  await host.putAgent({ agent_key: members[1], name: "Ben" });
  const team = `tm_${members[0].slice(3)}`;
  await host.putTarget(team, { members, seen });
  return { host, members, team };
}

const said = () => createScriptedLlm(({ request }) => `<${request.messages.at(-1)?.content}>`);

test("a conversation with a team is answered by its run, each member as the agent it is", async () => {
  const llm = said();
  const { host: running, team } = await start(llm);
  const cv = newConversation();

  const viewing = running.chat(cv, "the task", { agent: team });
  const reply = await viewing.reply();

  expect(reply.response).toBe("<go on>; <end>");
  expect(viewing.text()).toBe("<go on>");
  expect(reply.agent_key).toBe(team);
  const [first, second] = llm.requests;
  expect(first?.messages.map(({ content }) => content)).not.toContain("the task");
  expect(second?.messages.slice(-2).map(({ content }) => content)).toEqual([
    "<begin> was said.",
    "go on",
  ]);
  expect(second?.messages[0]?.content).toContain("Be brief.");
  expect(running.messages(cv).map(({ content }) => content)).toEqual([
    "the task",
    "<go on>; <end>",
  ]);
});

test("a viewer sees nothing of a member that is not shown", async () => {
  const { host: running, team } = await start(said(), false);

  const viewing = running.chat(newConversation(), "the task", { agent: team });
  await viewing.reply();

  expect(viewing.text()).toBe("");
  expect(viewing.frames.filter(({ type }) => type === "text")).toEqual([]);
});

test("a member that is changed while the run goes on answers as it was", async () => {
  const gate = createGate();
  const llm = createScriptedLlm(async ({ request, signal, call }) => {
    if (call === 2) await gate.wait(signal);
    return `${request.messages[0]?.content}`;
  });
  const { host: running, members, team } = await start(llm);

  const viewing = running.chat(newConversation(), "the task", { agent: team });
  await gate.reached;
  await running.putAgent({ agent_key: members[0], name: "Changed", version: 2 });
  gate.open();
  await viewing.reply();

  expect(llm.requests).toHaveLength(3);
  expect(llm.requests[2]?.messages[0]?.content).toContain("Ann");
});

test("what does not exist has no conversation", async () => {
  const { host: running } = await start(said());

  const unknown = running.chat(newConversation(), "x", { agent: "tm_none" });

  await expect(unknown.accepted()).rejects.toThrow("Team tm_none does not exist.");
});

test("a member that is gone fails the run with its name", async () => {
  const { host: running, members, team } = await start(said());
  await running.putTarget(team, { members: [members[0], "ag_gone"], seen: true });

  const end = await running.chat(newConversation(), "x", { agent: team }).end();

  expect(end.outcome).toMatchObject({
    status: "failed",
    error: { code: "NOT_FOUND", message: "Agent ag_gone does not exist." },
  });
});
