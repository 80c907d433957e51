// The engine dies, or the power fails, after every single commit of a team's turn: the run goes on where
// it was, gives the same answer, repeats no word that was stored, and is paid once.

import { expect, test } from "vitest";
import type { LedgerRow } from "../../../actors/records/conversation.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Crash } from "../../../runtime/store/memory.ts";
import { type AgentsHost, startAgents } from "../../support/agents-host.ts";
import {
  memberEvents,
  membersOf,
  nameOf,
  newTeam,
  saidBefore,
  startTeam,
  type TeamWanted,
  teamRecord,
  type Voices,
  voices,
} from "../../support/team-test.ts";

/** What agents say depends on nothing but what they are asked. */
const say: Voices = async (name, { request }) => {
  for (let tick = 0; tick < 3; tick += 1) await new Promise((go) => setImmediate(go));
  const system = request.messages[0]?.content ?? "";
  const before = saidBefore(request).map(({ speaker }) => speaker);
  if (name === "Dan") throw new RuntimeError("PROVIDER_FAILED", "Dan is never there.");
  if (system.includes("`done` is true")) {
    return JSON.stringify({ done: false, reason: "More.", next: "Go on." });
  }
  if (!system.includes("Split the user's last message")) return `${name} after ${before.join("+")}`;
  const task = (id: string, member: string, ...after: string[]) => ({
    id,
    member,
    task: id,
    after,
  });
  const tasks = [
    task("a", "Ann"),
    task("b", "Lab"),
    task("d", "Dan"),
    task("c", "Ann", "a", "b", "d"),
  ];
  return JSON.stringify({ reason: "r", tasks });
};

const agents = ["Ann", "Ben", "Cat", "Dan", "Lee"];
const discussion: TeamWanted["team"] = (id) => ({
  leader: id("Lee"),
  members: membersOf(id, "Ann", "Dan", "Ben"),
  max_rounds: 2,
  stop: { leader: true },
});

/** Calls that may be under way at once, and so may have to be made again. */
const SIDE_BY_SIDE = 3;

interface Played {
  readonly host: AgentsHost;
  readonly commits: number;
  readonly isDead: boolean;
  readonly calls: readonly string[];
  readonly outcome: unknown;
}

/** One turn, with a crash after so many of its commits; what can be seen of it afterwards. */
async function play(
  mode: "discussion" | "tasks",
  crash?: { at: number; kind: Crash },
): Promise<Played> {
  const llm = voices(say);
  const host = await startAgents({ llm });
  await host.setBalance(100_000);
  const talk = await startTeam(llm, { agents, team: discussion, host });
  let { team } = talk;
  if (mode === "tasks") {
    const id = (name: string): string => talk.agents.get(name) ?? "";
    const lab = newTeam();
    await host.putTarget(lab, teamRecord({ name: "Lab", members: membersOf(id, "Ben", "Cat") }));
    team = newTeam();
    const members = [...membersOf(id, "Ann", "Dan"), { agent: lab }];
    const record = { mode: "supervisor", leader: id("Lee"), members } as const;
    await host.putTarget(team, teamRecord({ ...record, max_parallel: SIDE_BY_SIDE }));
  }
  const begun = host.disk.commits;
  if (crash) host.disk.crashAfter(begun + crash.at);
  const viewing = host.chat(talk.cv, "Do it all.", { agent: team });
  const ended = viewing.end().then(() => false);
  const isDead = await Promise.race([host.crashed.then(() => true), ended]);
  const accepted = viewing.frames.find(({ type }) => type === "accepted");
  let run = accepted?.type === "accepted" ? accepted.run : null;
  if (isDead && crash) await host.crash(crash.kind);
  await host.idle();
  const kept = host.messages(talk.cv);
  run ??= kept[0]?.run_id ?? null;
  if (run === null)
    return { host, commits: 0, isDead, calls: llm.requests.map(nameOf), outcome: null };
  const again = host.follow(run, talk.cv);
  const reply = await again.reply();
  const paid = (host.rows("ledger-fresh") as LedgerRow[]).filter(({ charge }) => charge.micros > 0);
  return {
    host,
    commits: host.disk.commits - begun,
    isDead,
    calls: llm.requests.map(nameOf),
    outcome: {
      response: reply.response,
      usage: reply.usage,
      text: again.text(),
      members: [...memberEvents(again)].sort(),
      kept: kept.map(({ content }) => content),
      paid: paid.length,
      balance: host.balance(),
    },
  };
}

test.each([
  ["discussion", "process"],
  ["discussion", "power"],
  ["tasks", "process"],
  ["tasks", "power"],
] as const)(
  "a %s survives the loss of the %s after each of its commits",
  async (mode, kind) => {
    const whole = await play(mode);
    await whole.host.stop();
    expect(whole.isDead).toBe(false);
    expect(whole.commits).toBeGreaterThan(8);

    let crashes = 0;
    for (let at = 1; at <= whole.commits; at += 1) {
      const played = await play(mode, { at, kind });
      crashes += played.isDead ? 1 : 0;
      // Not on disk yet, and not acknowledged: then nothing of it is there.
      if (played.outcome !== null) expect(played.outcome).toEqual(whole.outcome);
      else expect(at).toBeLessThan(3);
      expect(played.calls.length).toBeLessThanOrEqual(whole.calls.length + SIDE_BY_SIDE);
      await played.host.stop();
    }

    expect(crashes).toBeGreaterThan(8);
  },
  60_000,
);
