// Members that fail, hang, or are not there: what the team's policy makes of it, and what it costs.

import { expect, test } from "vitest";
import type { LedgerRow } from "../../../actors/records/conversation.ts";
import type { TeamInput } from "../../../actors/records/team.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import {
  memberEvents,
  membersOf,
  nameOf,
  newTeam,
  startTeam,
  type TeamTalk,
  teamEvents,
  teamRecord,
  type Voices,
  voices,
} from "../../support/team-test.ts";

const broken = (): never => {
  throw new RuntimeError("PROVIDER_FAILED", "The provider refused it.");
};

function startDesk(say: Voices, more: Partial<TeamInput>, substitute = false) {
  const llm = voices(say);
  const talk = startTeam(llm, {
    agents: ["Ann", "Ben", "Sub"],
    team: (id) => ({
      members: membersOf(id, "Ann", "Ben"),
      ...(substitute && { substitute: id("Sub") }),
      ...more,
    }),
  });
  return talk.then((talking) => ({ ...talking, llm }));
}

const failsAs = (name: string): Voices => {
  return (speaker) => (speaker === name ? broken() : `${speaker} here`);
};

test("skip, the default: the turn is left out and the others answer", async () => {
  const talk = await startDesk(failsAs("Ben"), {});

  const viewing = talk.chat("Go.");
  const reply = await viewing.reply();

  expect(reply.response).toBe("Ann here");
  expect(memberEvents(viewing).at(-1)).toBe("1.2 Ben failed");
  expect(teamEvents(viewing.frames)).toContainEqual(
    expect.objectContaining({
      state: "failed",
      next: "skip",
      error: { code: "PROVIDER_FAILED", message: "The provider refused it." },
    }),
  );
});

test("fail: the run fails with what the member failed with, and costs nothing", async () => {
  const talk = await startDesk(failsAs("Ben"), { on_member_failure: "fail" });

  const { outcome } = await talk.chat("Go.").end();

  expect(outcome).toMatchObject({ status: "failed", error: { code: "PROVIDER_FAILED" } });
  expect(talk.host.balance()).toBe(100_000);
  // What Ann had spent is written down though.
  const spent = (talk.host.rows("ledger-fresh") as LedgerRow[]).map(
    ({ spend }) => spend?.promptTokens,
  );
  expect(spent.filter(Boolean)).toEqual([10]);
});

test("fail among members that work side by side cuts the others short", async () => {
  let cut: unknown;
  const llm = voices(async (name, { signal, request }) => {
    if (name === "Lee") {
      if (!request.messages[0]?.content.includes("Split the user's")) return "never";
      const tasks = ["Ann", "Ben"].map((member) => ({ id: member, member, task: "x", after: [] }));
      return JSON.stringify({ reason: "", tasks });
    }
    if (name === "Ben") {
      while (llm.requests.length < 3) await new Promise((go) => setImmediate(go));
      return broken();
    }
    await new Promise((resolve) => {
      signal.addEventListener("abort", resolve);
    });
    cut = signal.reason;
    throw signal.reason;
  });
  const talk = await startTeam(llm, {
    agents: ["Ann", "Ben", "Lee"],
    team: (id) => ({
      mode: "supervisor",
      leader: id("Lee"),
      members: membersOf(id, "Ann", "Ben"),
      on_member_failure: "fail",
    }),
  });

  const { outcome } = await talk.chat("Go.").end();

  expect(outcome).toMatchObject({ status: "failed", error: { code: "PROVIDER_FAILED" } });
  expect(cut).toMatchObject({ code: "CANCELLED" });
});

test("retry: the turn is tried once more, then left out", async () => {
  let failures = 1;
  const say: Voices = (name) => {
    if (name === "Ben" && failures > 0) {
      failures -= 1;
      return broken();
    }
    return `${name} here`;
  };
  const once = await startDesk(say, { on_member_failure: "retry" });
  const good = await once.chat("Go.").reply();
  failures = 2;
  const viewing = once.chat("Again.");
  const left = await viewing.reply();

  expect(good.response).toBe("Ben here");
  expect(left.response).toBe("Ann here");
  expect(memberEvents(viewing)).toEqual([
    "1.1 Ann started",
    "1.1 Ann completed",
    "1.2 Ben started",
    "1.2 Ben failed",
    "1.2 Ben started",
    "1.2 Ben failed",
  ]);
});

test("substitute: another agent takes the turn, told that it stands in for the member", async () => {
  const talk = await startDesk(failsAs("Ben"), { on_member_failure: "substitute" }, true);

  const reply = await talk.chat("Go.").reply();

  expect(reply.response).toBe("Sub here");
  expect(talk.llm.requests.at(-1)?.messages[0]?.content).toContain("You are Ben in the team");
});

test("a team of which nobody could answer fails as the last member did", async () => {
  const talk = await startDesk(broken, { max_rounds: 4 });

  const viewing = talk.chat("Go.");
  const { outcome } = await viewing.end();

  expect(outcome).toMatchObject({ status: "failed", error: { code: "PROVIDER_FAILED" } });
  // One silent round is enough.
  expect(talk.llm.requests).toHaveLength(2);
  expect(teamEvents(viewing.frames).at(-1)).toMatchObject({ type: "team_stop", by: "failures" });
});

test("a member that was removed is one that fails", async () => {
  const llm = voices((name) => `${name} here`);
  const talk = await startTeam(llm, {
    agents: ["Ann"],
    team: (id) => ({ members: membersOf(id, "Ann", "Gone") }),
  });

  const viewing = talk.chat("Go.");

  expect((await viewing.reply()).response).toBe("Ann here");
  expect(teamEvents(viewing.frames)).toContainEqual(
    expect.objectContaining({
      state: "failed",
      run: null,
      error: expect.objectContaining({ code: "NOT_FOUND" }),
    }),
  );
});

test("a member that hangs is cut while there is time for the others", async () => {
  const talk = await startDesk(async (name, { signal }) => {
    if (name === "Ben") return `${name} here`;
    await new Promise((resolve) => {
      signal.addEventListener("abort", resolve);
    });
    throw signal.reason;
  }, {});

  const viewing = talk.chat("Go.", { timeoutMs: 1_500 });

  expect((await viewing.reply()).response).toBe("Ben here");
  expect(memberEvents(viewing)).toContain("1.1 Ann failed");
});

test("a cancelled team stops its members, and nobody takes their place", async () => {
  let isCut = false;
  const talk = await startDesk(
    async (_, { signal }) => {
      await new Promise((resolve) => {
        signal.addEventListener("abort", resolve);
      });
      isCut = true;
      throw signal.reason;
    },
    { on_member_failure: "substitute" },
    true,
  );

  const viewing = talk.chat("Go.");
  const { run } = await viewing.accepted();
  await viewing.waitFor("event", ({ event }) => (event as { type: string }).type === "member");
  await talk.host.cancel(run, talk.cv);
  const { outcome } = await viewing.end();

  expect(outcome).toMatchObject({ status: "cancelled" });
  expect(isCut).toBe(true);
  // To be stopped is no failure of the member.
  expect(memberEvents(viewing)).toEqual(["1.1 Ann started"]);
  expect(talk.llm.requests.map(nameOf)).toEqual(["Ann"]);
});

const nested = async (build: (ids: TeamTalk, inner: string) => Partial<TeamInput>) => {
  const llm = voices((name, { call }) => `${name}${call}`);
  const talk = await startTeam(llm, {
    agents: ["Ann", "Ben", "Cat"],
    team: (id) => ({ members: membersOf(id, "Ann") }),
  });
  const inner = newTeam();
  await talk.host.putTarget(inner, teamRecord(build(talk, inner)));
  const id = (name: string): string => talk.agents.get(name) ?? "";
  const outer = newTeam();
  const members = [{ agent: id("Ann") }, { agent: inner, name: "Lab", role: "tries it out" }];
  await talk.host.putTarget(outer, teamRecord({ members }));
  return { ...talk, llm, inner, outer };
};

test("a team can be a member: its members are told what was said and what their team is there for", async () => {
  const { host, cv, llm, outer, agents } = await nested(({ agents: ids }) => ({
    name: "Lab team",
    members: [{ agent: ids.get("Ben") ?? "" }, { agent: ids.get("Cat") ?? "" }],
  }));

  const viewing = host.chat(cv, "Go.", { agent: outer });
  const reply = await viewing.reply();

  expect(agents.size).toBe(3);
  expect(reply.response).toBe("Cat3");
  expect(viewing.text()).toBe("Cat3");
  expect(reply.usage).toMatchObject({ promptTokens: 30, completionTokens: 15 });
  const [, ben] = llm.requests;
  expect(ben?.messages[0]?.content).toContain('You are Ben in the team "Lab team".');
  expect(ben?.messages[0]?.content).toContain('You are Lab (tries it out) in the team "Desk".');
  expect(ben?.messages[1]?.content).toContain('{"speaker":"Ann","text":"Ann1"}');
  expect(memberEvents(viewing).filter((event) => event.endsWith("started"))).toEqual([
    "1.1 Ann started",
    "1.2 Lab started",
    "1.1 Ben started",
    "1.2 Cat started",
  ]);
});

test("a team that has become a member of itself is a member that fails, and starts nothing", async () => {
  const { host, cv, llm, outer, inner } = await nested(({ agents }, self) => ({
    members: [{ agent: agents.get("Ben") ?? "" }, { agent: self, name: "Again" }],
  }));

  const viewing = host.chat(cv, "Go.", { agent: outer });
  await viewing.reply();

  expect(llm.requests.map(nameOf)).toEqual(["Ann", "Ben"]);
  expect(teamEvents(viewing.frames)).toContainEqual(
    expect.objectContaining({
      target: inner,
      state: "failed",
      run: null,
      error: expect.objectContaining({ code: "CYCLE" }),
    }),
  );
});

test("teams are at most three deep", async () => {
  const llm = voices((name) => name);
  const talk = await startTeam(llm, {
    agents: ["Ann"],
    team: (id) => ({ members: membersOf(id, "Ann") }),
  });
  const ann = { agent: talk.agents.get("Ann") ?? "" };
  let below = talk.team;
  for (let depth = 2; depth <= 4; depth += 1) {
    const above = newTeam();
    const members = [ann, { agent: below, name: `Team ${depth}` }];
    await talk.host.putTarget(above, teamRecord({ members }));
    below = above;
  }

  const viewing = talk.host.chat(talk.cv, "Go.", { agent: below });
  await viewing.reply();

  expect(llm.requests).toHaveLength(3);
  expect(teamEvents(viewing.frames)).toContainEqual(
    expect.objectContaining({
      state: "failed",
      error: expect.objectContaining({ code: "DEPTH_EXHAUSTED" }),
    }),
  );
});
