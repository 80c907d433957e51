// A team's recorded turn is run again from its record alone, and is the same.

import { expect, test } from "vitest";
import { replayRecord } from "../../../adapters/replay/replay.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { recordedRuns } from "../../support/recorded-runs.ts";
import { membersOf, newTeam, startTeam, teamRecord, voices } from "../../support/team-test.ts";

test("a team in a team, with a member that fails, is replayed as it was", async () => {
  const llm = voices((name) => {
    if (name === "Dan") throw new RuntimeError("PROVIDER_FAILED", "Dan is never there.");
    return `${name}.`;
  });
  const talk = await startTeam(llm, {
    agents: ["Ann", "Ben", "Dan", "Lee"],
    team: (id) => ({ name: "Lab", members: membersOf(id, "Ben", "Dan") }),
  });
  const id = (name: string): string => talk.agents.get(name) ?? "";
  const outer = newTeam();
  const members = [...membersOf(id, "Ann"), { agent: talk.team }];
  await talk.host.putTarget(outer, teamRecord({ members, leader: id("Lee"), max_rounds: 2 }));
  const reply = await talk.host.chat(talk.cv, "Go.", { agent: outer }).reply();
  await talk.host.idle();
  const called = llm.requests.length;

  const [record] = await recordedRuns(talk.host);
  const { replay } = await replayRecord(record as never);

  expect(reply.response).toBe("Lee.");
  expect(replay.divergence).toBeNull();
  expect(llm.requests).toHaveLength(called);
});
