// A team without any model: it needs no key, quotes what its members find, and says the same every time.

import { afterEach, expect, test } from "vitest";
import type { Passage } from "../../../actors/knowledge/search.ts";
import type { TeamInput } from "../../../actors/records/team.ts";
import { createLlm } from "../../../adapters/llm/llm.ts";
import {
  type AgentsHost,
  newAgent,
  newConversation,
  startAgents,
} from "../../support/agents-host.ts";
import { noScores, resultOf } from "../../support/find.ts";
import { memberEvents, newTeam, teamEvents, teamRecord } from "../../support/team-test.ts";

let host: AgentsHost | undefined;
afterEach(async () => {
  await host?.stop();
  host = undefined;
});

const found: Readonly<Record<string, string>> = {
  cl_price: "A refund of the yearly plan is paid back within 14 days.",
  cl_law: "By law a refund of a plan can be asked for until the 14th day.",
};

function passage(collection: string, text: string): Passage {
  return {
    ...{ documentId: `dc_${collection}`, documentTitle: "Refunds", chunkId: `${collection}-1` },
    ...{ collection, text, headings: [], span: [0, text.length], metadata: {} },
    ...noScores,
  };
}

/** Members with the collections that hold something, and one whose collection holds nothing. */
async function startDesk(more: Partial<TeamInput>, ...collections: readonly string[]) {
  const running = await startAgents({
    llm: createLlm({ providers: [] }),
    retriever: {
      search: async ({ collection }) => {
        const text = found[collection];
        return resultOf(text === undefined ? [] : [passage(collection, text)]);
      },
    },
  });
  host = running;
  await running.setBalance(100_000);
  const members: TeamInput["members"] = [];
  for (const cl of collections) {
    const agent_key = newAgent();
    const fields = cl === "" ? {} : { requires_collection: true, collection_ids: [cl] };
    await running.putAgent({ agent_key, name: cl.slice(3), ...fields });
    members.push({ agent: agent_key });
  }
  const leader = newAgent();
  await running.putAgent({ agent_key: leader, name: "Lee" });
  const team = newTeam();
  await running.putTarget(team, teamRecord({ members, leader, ...more }));
  return () => running.chat(newConversation(), "What about a refund of my plan?", { agent: team });
}

test("under a leader all members answer the whole message, and what they found stands in order", async () => {
  const ask = await startDesk({ mode: "supervisor" }, "cl_price", "cl_none", "cl_law");

  const viewing = ask();
  const reply = await viewing.reply();
  const again = await ask().reply();

  // Each citation names a place in the sources of all.
  expect(reply.response).toBe(`${found["cl_price"]} [1]\n\n${found["cl_law"]} [2]`);
  expect(viewing.text()).toBe(reply.response);
  expect(reply.sources.map(({ collection_key }) => collection_key)).toEqual(["cl_price", "cl_law"]);
  expect(reply.builtin).toBe(true);
  expect(reply.nothing_relevant).toBeUndefined();
  expect(teamEvents(viewing.frames)[0]).toMatchObject({
    tasks: [{ member: "price" }, { member: "none" }, { member: "law" }],
  });
  expect(again.response).toBe(reply.response);
});

test("what all members rest on is shown before the answer", async () => {
  const ask = await startDesk({ mode: "supervisor" }, "cl_price", "cl_law");

  const viewing = ask();
  await viewing.reply();

  const run = viewing.frames.find(({ type }) => type === "accepted") as { run: string };
  const own = viewing.frames.filter((frame) => "run" in frame && frame.run === run.run);
  const sources = own.findIndex(
    (frame) => frame.type === "event" && (frame.event as { type: string }).type === "sources",
  );
  const text = own.findIndex(({ type }) => type === "text");
  expect(sources).toBeGreaterThan(-1);
  expect(text).toBeGreaterThan(sources);
  expect(own[sources]).toMatchObject({
    event: { sources: [{ collection_key: "cl_price" }, { collection_key: "cl_law" }] },
  });
});

test("nothing is relevant only when no member found anything", async () => {
  const ask = await startDesk({ mode: "supervisor" }, "cl_none", "cl_nothing");

  const reply = await ask().reply();

  expect(reply.sources).toEqual([]);
  expect(reply.nothing_relevant).toBe(true);
});

test("a discussion ends after one round, because another would quote the same", async () => {
  const ask = await startDesk({ max_rounds: 5, stop: { leader: true } }, "cl_price", "cl_law");

  const viewing = ask();
  const reply = await viewing.reply();

  // Each citation names a place in the sources of all.
  expect(reply.response).toBe(`${found["cl_price"]} [1]\n\n${found["cl_law"]} [2]`);
  expect(memberEvents(viewing)).toHaveLength(4);
  expect(teamEvents(viewing.frames).at(-1)).toMatchObject({ type: "team_stop", by: "leader" });
});

test("in rounds without a conclusion all that was found is the answer, whoever spoke last", async () => {
  const ask = await startDesk(
    { mode: "coordinate", synthesis: false },
    "cl_price",
    "cl_law",
    "cl_none",
  );

  const reply = await ask().reply();

  expect(reply.response).toBe(`${found["cl_price"]} [1]\n\n${found["cl_law"]} [2]`);
});

test("a member without documents that has nothing to say does not answer for the others", async () => {
  const ask = await startDesk({ mode: "coordinate", synthesis: false }, "cl_price", "");

  const reply = await ask().reply();

  expect(reply.response).toBe(`${found["cl_price"]} [1]`);
});
