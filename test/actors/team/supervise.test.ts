// A leader splits a message: the plan, what each member is given, side by side or one after another.

import { expect, test } from "vitest";
import type { Plan } from "../../../actors/team/plan.ts";
import { createGate } from "../../support/scripted-llm.ts";
import {
  memberEvents,
  membersOf,
  nameOf,
  saidBefore,
  startTeam,
  type TeamWanted,
  teamEvents,
  type Voices,
  voices,
} from "../../support/team-test.ts";

const agents = ["Ann", "Ben", "Cat", "Lee"];
const desk: TeamWanted["team"] = (id) => ({
  mode: "supervisor",
  leader: id("Lee"),
  members: membersOf(id, "Ann", "Ben", "Cat"),
});

type Tasks = Plan["tasks"];
const task = (id: string, member: string, ...after: string[]): Tasks[number] => ({
  id,
  member,
  task: `the ${id} part`,
  after,
});

/** The leader plans so; the others speak as said. */
const planned = (tasks: Tasks | string, say: Voices = (name) => `${name}'s part`): Voices => {
  return (name, scripted) => {
    const { messages } = scripted.request;
    if (name !== "Lee") return say(name, scripted);
    if (!messages[0]?.content.includes("Split the user's last message")) return "All in all.";
    return typeof tasks === "string"
      ? tasks
      : JSON.stringify({ reason: "It is three things.", tasks });
  };
};

test("the leader splits, members do their tasks on the results they build on, the leader concludes", async () => {
  const llm = voices(planned([task("sum", "Cat", "a", "b"), task("a", "Ann"), task("b", "Ben")]));
  const talk = await startTeam(llm, { agents, team: desk });

  const viewing = talk.chat("Do it all.");
  const reply = await viewing.reply();

  expect(reply.response).toBe("All in all.");
  expect(viewing.text()).toBe("All in all.");
  const last = llm.requests.find((request) => nameOf(request) === "Cat");
  expect(last?.messages.at(-1)?.content).toBe("the sum part");
  expect(saidBefore(last as never)).toEqual([
    { speaker: "user", text: "Do it all." },
    { speaker: "Ann", task: "the a part", text: "Ann's part" },
    { speaker: "Ben", task: "the b part", text: "Ben's part" },
  ]);
  // In the order of the plan, whoever was faster.
  expect(saidBefore(llm.requests.at(-1) as never).map(({ speaker }) => speaker)).toEqual([
    "Cat",
    "Ann",
    "Ben",
  ]);
  expect(reply.routing_info).toMatchObject({
    reason: "It is three things.",
    parts: [{ action_name: "Cat" }, { action_name: "Ann" }, { action_name: "Ben" }],
  });
  expect(teamEvents(viewing.frames)[0]).toMatchObject({ type: "team_plan" });
  // Four members' calls and two of the leader, 15 tokens each.
  expect(reply.usage).toMatchObject({ promptTokens: 50, completionTokens: 25 });
});

test("independent tasks are done side by side", async () => {
  const gate = createGate();
  const llm = voices(
    planned([task("a", "Ann"), task("b", "Ben")], async (name, { signal }) => {
      // Ann can only answer once Ben has begun.
      if (name === "Ann") await gate.wait(signal);
      else gate.open();
      return name;
    }),
  );
  const talk = await startTeam(llm, { agents, team: desk });

  expect((await talk.chat("Go.").reply()).response).toBe("All in all.");
});

test("at most max_parallel members work at once", async () => {
  let working = 0;
  let most = 0;
  const tasks = ["a", "b", "c", "d", "e"].map((id) => task(id, "Ann"));
  const llm = voices(
    planned(tasks, async (name) => {
      working += 1;
      most = Math.max(most, working);
      for (let tick = 0; tick < 20; tick += 1) await new Promise((go) => setImmediate(go));
      working -= 1;
      return name;
    }),
  );
  const talk = await startTeam(llm, {
    agents,
    team: (id) => ({ ...desk(id), max_parallel: 2 }),
  });

  await talk.chat("Go.").reply();

  expect(most).toBe(2);
});

test("without tasks the leader answers alone", async () => {
  const llm = voices(planned([]));
  const talk = await startTeam(llm, { agents, team: desk });

  const viewing = talk.chat("Hi!");
  const reply = await viewing.reply();

  expect(reply.response).toBe("All in all.");
  expect(llm.requests.map(nameOf)).toEqual(["Lee", "Lee"]);
  expect(memberEvents(viewing)).toEqual([]);
});

test("without synthesis the results stand in the order of the plan", async () => {
  const llm = voices(planned([task("a", "Ben"), task("b", "Ann")]));
  const talk = await startTeam(llm, {
    agents,
    team: (id) => ({ ...desk(id), synthesis: false }),
  });

  const viewing = talk.chat("Go.");
  const reply = await viewing.reply();

  expect(reply.response).toBe("Ben's part\n\nAnn's part");
  expect(viewing.text()).toBe(reply.response);
});

test("a plan that cannot be carried out is sent back once, with what is wrong and where", async () => {
  const wrong = { reason: "r", tasks: [task("a", "Ann", "b"), task("b", "Ben", "a")] };
  const right = { reason: "r", tasks: [task("a", "Ann")] };
  const plans = [JSON.stringify(wrong), JSON.stringify(right)];
  const llm = voices((name, scripted) => {
    const isPlan = scripted.request.messages[0]?.content.includes("Split the user's last message");
    return name === "Lee" && isPlan ? (plans.shift() ?? "") : `${name}.`;
  });
  const talk = await startTeam(llm, { agents, team: desk });

  const reply = await talk.chat("Go.").reply();

  expect(reply.response).toBe("Lee.");
  expect(llm.requests[1]?.messages.at(-1)?.content).toContain(
    'At "/tasks/0/after": The task "a" would wait for itself.',
  );
});

const planOf = (...tasks: Tasks): string => JSON.stringify({ reason: "", tasks });
const wrongPlans = [
  ["no JSON at all", "Ann should do it.", "no valid JSON"],
  ["a member that does not exist", planOf(task("a", "Zoe")), '("Ann", "Ben", "Cat")'],
  ["an id that is there twice", planOf(task("a", "Ann"), task("a", "Ben")), '"/tasks/1/id"'],
  ["a task it builds on that is not there", planOf(task("a", "Ann", "z")), '"/tasks/0/after/0"'],
] as const;

test.each(wrongPlans)(
  "a leader that goes on to plan %s is told what is wrong, and then all members answer",
  async (_, said, fault) => {
    const llm = voices(planned(said));
    const talk = await startTeam(llm, { agents, team: desk });

    const viewing = talk.chat("Go.");
    const reply = await viewing.reply();

    expect(reply.response).toBe("All in all.");
    const calls = llm.requests.map(nameOf);
    expect(calls.slice(0, 3)).toEqual(["Lee", "Lee", "Lee"]);
    expect(calls.slice(3, -1).toSorted()).toEqual(["Ann", "Ben", "Cat"]);
    for (const { messages } of llm.requests.slice(1, 3)) {
      expect(messages.at(-1)?.content).toContain(fault);
    }
    // What was of no use is counted too.
    expect(reply.usage).toMatchObject({ promptTokens: 70, completionTokens: 35 });
    expect(reply.routing_info.reason).toContain("every member answers");
    const fallback = teamEvents(viewing.frames).find(({ type }) => type === "team_plan");
    expect(fallback).toMatchObject({ fallback: "members" });
  },
);

test("with on_plan_failure leader a wrong plan leaves the answer to the leader alone", async () => {
  const llm = voices(planned("Ann should do it."));
  const team: typeof desk = (id) => ({ ...desk(id), on_plan_failure: "leader" });
  const talk = await startTeam(llm, { agents, team });

  const reply = await talk.chat("Go.").reply();

  expect(reply.response).toBe("All in all.");
  expect(llm.requests.map(nameOf)).toEqual(["Lee", "Lee", "Lee", "Lee"]);
  expect(reply.routing_info.reason).toContain("the leader answers alone");
});

test.each(wrongPlans)(
  "with on_plan_failure fail a leader that goes on to plan %s ends the run saying where",
  async (_, said) => {
    const llm = voices(planned(said));
    const team: typeof desk = (id) => ({ ...desk(id), on_plan_failure: "fail" });
    const talk = await startTeam(llm, { agents, team });

    const { outcome } = await talk.chat("Go.").end();

    expect(outcome).toMatchObject({ status: "failed", error: { code: "OUTPUT_INVALID" } });
    expect(llm.requests).toHaveLength(3);
    // Nothing was delivered: the price comes back, the spend is written down.
    expect(talk.host.balance()).toBe(100_000);
    expect(talk.host.rows("ledger-fresh")).toContainEqual(
      expect.objectContaining({
        spend: expect.objectContaining({ promptTokens: 30, completionTokens: 15 }),
      }),
    );
  },
);

test("a task whose basis failed is told so, and the conclusion too", async () => {
  const llm = voices(
    planned([task("a", "Ann"), task("b", "Ben", "a")], (name) => {
      if (name === "Ann") throw new Error("broken");
      return `${name} anyway`;
    }),
  );
  const talk = await startTeam(llm, { agents, team: desk });

  await talk.chat("Go.").reply();

  const failed = {
    speaker: "Ann",
    task: "the a part",
    text: "",
    failed: "The member could not do it.",
  };
  const ben = llm.requests.find((request) => nameOf(request) === "Ben");
  expect(saidBefore(ben as never)).toContainEqual(failed);
  expect(saidBefore(llm.requests.at(-1) as never)).toContainEqual(failed);
});

test("tasks that are not begun when the tokens are spent are left out", async () => {
  const llm = voices(planned([task("a", "Ann"), task("b", "Ben"), task("c", "Cat")]));
  const talk = await startTeam(llm, {
    agents,
    // The plan and one task.
    team: (id) => ({ ...desk(id), max_tokens: 30, max_parallel: 1 }),
  });

  const viewing = talk.chat("Go.");
  const reply = await viewing.reply();

  expect(reply.response).toBe("All in all.");
  expect(llm.requests.map(nameOf)).toEqual(["Lee", "Ann", "Lee"]);
  expect(teamEvents(viewing.frames).at(-1)).toMatchObject({ type: "team_stop", by: "tokens" });
});

test("a task that had begun goes on after a crash, whatever was spent since", async () => {
  const begun = createGate();
  let isLost = false;
  const llm = voices(
    planned([task("a", "Ann"), task("b", "Ben"), task("c", "Cat")], async (name, { signal }) => {
      // Ben's answer, after Cat has begun, is what spends the tokens.
      if (name === "Ben") await begun.opened;
      if (name === "Cat") begun.open();
      if (name === "Cat" && !isLost)
        await new Promise((_, cut) => signal.addEventListener("abort", cut));
      return `${name}'s part`;
    }),
  );
  const talk = await startTeam(llm, {
    agents,
    // The plan and one task leave room, two tasks do not.
    team: (id) => ({ ...desk(id), max_tokens: 40, max_parallel: 2 }),
  });
  const viewing = talk.chat("Go.");
  const { run } = await viewing.accepted();
  await viewing.waitFor("event", ({ event }) => {
    const { member, state } = event as { member?: string; state?: string };
    return member === "Ben" && state === "completed";
  });

  isLost = true;
  await talk.host.crash();
  const again = talk.host.follow(run, talk.cv);
  const reply = await again.reply();

  expect(reply.response).toBe("All in all.");
  expect(memberEvents(again)).toContain("c Cat completed");
});

test("a plan that spends all tokens leaves no turn to the members, and the leader still concludes", async () => {
  const llm = voices(planned([task("a", "Ann"), task("b", "Ben")]));
  // Each call of the scripted model is 15 tokens.
  const talk = await startTeam(llm, { agents, team: (id) => ({ ...desk(id), max_tokens: 10 }) });

  const viewing = talk.chat("Do it all.");
  const reply = await viewing.reply();

  expect(reply.response).toBe("All in all.");
  expect(llm.requests.map(nameOf)).toEqual(["Lee", "Lee"]);
  const told = saidBefore(llm.requests.at(-1) as never).map(({ failed }) => failed);
  expect(told).toEqual(["10 tokens are spent (max_tokens).", "10 tokens are spent (max_tokens)."]);
  expect(teamEvents(viewing.frames).at(-1)).toMatchObject({ type: "team_stop", by: "tokens" });
});
