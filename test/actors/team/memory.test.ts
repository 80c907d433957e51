// A conversation with a team: who answers knows what was said before, what an agent of it remembers
// of a user comes back, and each that takes part takes in what was said, and forgets it when told so.

import { expect, test } from "vitest";
import type { LlmRequest } from "../../../actors/ports.ts";
import { conversationAt, newConversation, tenant } from "../../support/agents-host.ts";
import { memoryDesksOfFile } from "../../support/memory-desk.ts";
import type { Script } from "../../support/scripted-llm.ts";
import { membersOf, nameOf, startTeam, type TeamWanted } from "../../support/team-test.ts";

const desks = memoryDesksOfFile();
const FACT = "The user's boat is called Vega.";

/** Finds the boat in what users say; leaders give their first member the whole message. */
const speak: Script = ({ request }) => {
  const { responseFormat, messages } = request;
  const form = responseFormat?.type === "schema" ? responseFormat.name : "";
  if (form === "facts") {
    const isTold = messages.at(-1)?.content.includes("boat is called") === true;
    const fact = { text: FACT, kind: "fact", importance: 0.9, replaces: "" };
    return JSON.stringify({ facts: isTold ? [fact] : [] });
  }
  if (form !== "plan") return `${nameOf(request)} speaks.`;
  const tasks = [{ id: "t1", member: "Ann", task: "Say something on it.", after: [] }];
  return JSON.stringify({ reason: "Ann knows.", tasks });
};

async function start(team: TeamWanted["team"]) {
  const { desk, llm } = await desks.start(speak);
  const talk = await startTeam(llm, {
    agents: ["Ann", "Ben", "Lee"],
    team,
    agent: { memory: { type: "vector_db", extract: "after_turn", tools: false } },
    host: desk,
  });
  const say = (text: string, conversation: string) =>
    desk.chat(conversation, text, { agent: talk.team, user: "anna" }).reply();
  const kept = async (name: string): Promise<readonly string[]> => {
    const of = { agent: talk.agents.get(name) ?? "", user: "anna" };
    const { items } = await desks.memories().list(tenant, of, { limit: 10 });
    return items.map(({ text }) => text);
  };
  const found = async (name: string): Promise<number> => {
    const of = { tenant, agent: talk.agents.get(name) ?? "", user: "anna" };
    return (await desks.memories().searchHistory(of, { query: "boat", topK: 10 })).length;
  };
  return { ...talk, desk, llm, say, kept, found };
}

const systemOf = ({ messages }: LlmRequest): string => messages[0]?.content ?? "";

test("who follows up in a conversation with a team is understood by members and leader", async () => {
  const { say, llm } = await start((id) => ({
    members: membersOf(id, "Ann", "Ben"),
    leader: id("Lee"),
    mode: "supervisor",
  }));
  const cv = newConversation();
  await say("Tell me about Oslo.", cv);
  const before = llm.requests.length;

  await say("And its boats?", cv);

  const asked = llm.requests.slice(before).filter((request) => nameOf(request) !== "");
  expect(asked.map(nameOf)).toEqual(["Lee", "Ann", "Lee"]);
  for (const { messages } of asked) {
    const at = messages.findIndex(({ content }) => content === "Tell me about Oslo.");
    expect(messages[at + 1]).toMatchObject({ role: "assistant", content: "Lee speaks." });
  }
});

test("agents of a team that took part learn from a turn, each for itself, and know it in another conversation", async () => {
  const { say, llm, kept, desk, found } = await start((id) => ({
    members: membersOf(id, "Ann", "Ben"),
    leader: id("Lee"),
    mode: "supervisor",
  }));
  await say("My boat is called Vega.", newConversation());
  await desk.idle();

  // Ben had no task: what was said was not said to him.
  expect([await kept("Ann"), await kept("Ben"), await kept("Lee")]).toEqual([[FACT], [], [FACT]]);
  expect([await found("Ann"), await found("Ben"), await found("Lee")]).toEqual([1, 0, 1]);
  const before = llm.requests.length;
  const reply = await say("What is my boat called?", newConversation());
  const asked = llm.requests.slice(before).filter((request) => nameOf(request) !== "");
  expect(asked.map((request) => [nameOf(request), systemOf(request).includes(FACT)])).toEqual([
    ["Lee", true],
    ["Ann", false],
    ["Lee", true],
  ]);
  expect(reply.memories).toMatchObject([{ text: FACT }]);
});

test("a member that speaks in several rounds takes a turn in once, and one of a team below does too", async () => {
  const inner = await start((id) => ({ members: membersOf(id, "Ben") }));
  const { desk, llm, kept } = inner;
  const outer = await startTeam(llm, {
    agents: [],
    team: () => ({
      members: [{ agent: inner.team }, { agent: inner.agents.get("Ann") ?? "" }],
      max_rounds: 2,
    }),
    host: desk,
  });
  await desk.chat(outer.cv, "My boat is called Vega.", { agent: outer.team, user: "anna" }).reply();
  await desk.idle();

  expect([await kept("Ann"), await kept("Ben")]).toEqual([[FACT], [FACT]]);
  const facts = llm.requests.filter(({ responseFormat }) => responseFormat?.type === "schema");
  expect(facts).toHaveLength(2);
});

test("a deleted conversation with a team is forgotten by all its agents", async () => {
  const { say, kept, found, desk } = await start((id) => ({
    members: membersOf(id, "Ann", "Ben"),
  }));
  const cv = newConversation();
  await say("My boat is called Vega.", cv);
  await desk.idle();
  expect([await kept("Ann"), await kept("Ben")]).toEqual([[FACT], [FACT]]);

  await desk.ask(conversationAt(cv), { type: "delete" });
  await desk.idle();

  expect([await kept("Ann"), await kept("Ben")]).toEqual([[], []]);
  expect([await found("Ann"), await found("Ben")]).toEqual([0, 0]);
});
