// `[n]` of several members' texts, where they come together.

import { expect, test } from "vitest";
import type { Passage } from "../../../actors/knowledge/search.ts";
import type { Retriever } from "../../../actors/ports.ts";
import type { Agent } from "../../../actors/records/agent.ts";
import { noScores, resultOf } from "../../support/find.ts";
import { membersOf, nameOf, saidBefore, startTeam, voices } from "../../support/team-test.ts";

const passage = (collection: string): Passage => ({
  ...{ documentId: "dc_1", documentTitle: "T", chunkId: `of-${collection}`, collection },
  ...{ text: `What ${collection} holds.`, headings: [], span: [0, 10], metadata: {}, ...noScores },
});
const retriever: Retriever = {
  search: async ({ collection }) => resultOf([passage(collection)]),
};

/** Each member has a collection of its own and cites it, and a number that is no citation. */
async function start(leads: Partial<Agent> | null) {
  const llm = voices((name) =>
    name === "Lee" ? "So it is [1]." : `${name} found it [1], see [7].`,
  );
  const talk = await startTeam(llm, {
    agents: ["Ann", "Ben", "Lee"],
    team: (id) => ({
      members: membersOf(id, "Ann", "Ben"),
      ...(leads === null ? {} : { leader: id("Lee") }),
    }),
    retriever,
  });
  for (const name of ["Ann", "Ben", "Lee"]) {
    const own = { requires_collection: true, collection_ids: [`cl_${name}`] };
    await talk.host.putAgent({
      agent_key: talk.agents.get(name) ?? "",
      ...{ name, system_message: `#${name}`, version: 2 },
      ...(name === "Lee" ? leads : own),
    });
  }
  return { llm, talk };
}

test("the last text's citations name places in the sources of all", async () => {
  const { talk } = await start(null);

  const reply = await talk.chat("Go.").reply();

  expect(reply.sources.map(({ collection_key }) => collection_key)).toEqual(["cl_Ann", "cl_Ben"]);
  expect(reply.response).toBe("Ben found it [2], see [7].");
});

test("a leader without passages is given the numbers of all sources", async () => {
  const { llm, talk } = await start({});

  const reply = await talk.chat("Go.").reply();

  expect(saidBefore(llm.requests.at(-1) as never).map(({ text }) => text)).toEqual([
    "Ann found it [1], see [7].",
    "Ben found it [2], see [7].",
  ]);
  expect(reply.sources[0]?.collection_key).toBe("cl_Ann");
});

test("where numbers would name two things those of the others are left out", async () => {
  const { llm, talk } = await start({ requires_collection: true, collection_ids: ["cl_Lee"] });

  const reply = await talk.chat("Go.").reply();

  const ben = llm.requests.find((request) => nameOf(request) === "Ben");
  for (const request of [ben, llm.requests.at(-1)]) {
    expect(saidBefore(request as never)[0]).toEqual({
      speaker: "Ann",
      text: "Ann found it, see [7].",
    });
  }
  expect(reply.response).toBe("So it is [1].");
  expect(reply.sources.map(({ collection_key }) => collection_key)).toEqual([
    "cl_Lee",
    "cl_Ann",
    "cl_Ben",
  ]);
});
