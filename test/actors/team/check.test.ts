// Teams that are refused before they are stored, and where the fault is.

import { expect, test } from "vitest";
import type { TeamInput } from "../../../actors/records/team.ts";
import { checkTeam } from "../../../actors/team/check.ts";
import { RuntimeError } from "../../../runtime/errors.ts";

const ann = { agent: "ag_ann" };
const plain: TeamInput = { name: "Desk", mode: "coordinate", members: [ann] };
const led: TeamInput = { ...plain, mode: "supervisor", leader: "ag_lee" };
const withTeam = (id: string): TeamInput => ({ ...plain, members: [ann, { agent: id }] });

/** Checks `team`, which is or becomes `tm_self`, among these. */
function check(team: TeamInput, others: Readonly<Record<string, TeamInput>> = {}): Promise<string> {
  const tools: Readonly<Record<string, string>> = { tl_far: "remote_agent", tl_sum: "calculator" };
  const known = new Set(["ag_ann", "ag_lee", "tm_self", ...Object.keys({ ...others, ...tools })]);
  const done = checkTeam(team, {
    id: "tm_self",
    team: async (id) => others[id],
    toolType: async (id) => tools[id],
    mustExist: async (id, prefixes, pointer) => {
      if (known.has(id) && prefixes.includes(id.slice(0, 2))) return;
      throw new RuntimeError("INVALID", `${id} does not exist.`, { pointer });
    },
  });
  return done.then(
    () => "fine",
    (error: RuntimeError) => `${error.details?.["pointer"]}: ${error.message}`,
  );
}

test.each<[string, Partial<TeamInput>, string]>([
  ["a supervisor without a leader", { mode: "supervisor" }, "/leader"],
  ["a leader's word without a leader", { stop: { leader: true } }, "/stop/leader"],
  ["a synthesis without a leader", { synthesis: true }, "/synthesis"],
  ["a leader that does not exist", { leader: "ag_none" }, "/leader"],
  ["a substitute that nobody uses", { substitute: "ag_ann" }, "/substitute"],
  ["no substitute where one is used", { on_member_failure: "substitute" }, "/substitute"],
  ["a member that does not exist", { members: [ann, { agent: "ag_none" }] }, "/members/1/agent"],
  ["a tool that answers nobody", { members: [ann, { agent: "tl_sum" }] }, "/members/1/agent"],
  [
    "a tool that answers nobody as the substitute",
    { on_member_failure: "substitute", substitute: "tl_sum" },
    "/substitute",
  ],
  ["an agent elsewhere as the leader", { leader: "tl_far" }, "/leader"],
  ["itself as a member", { members: [ann, { agent: "tm_self" }] }, "/members/1/agent"],
  [
    "a name that is there twice",
    {
      members: [
        { ...ann, name: "A" },
        { ...ann, name: "A" },
      ],
    },
    "/members/1/name",
  ],
  ["more turns than a run takes", { members: Array(10).fill(ann), max_rounds: 5 }, "/max_rounds"],
])("%s is refused where it stands", async (_, fields, pointer) => {
  expect(await check({ ...plain, ...fields })).toMatch(new RegExp(`^${pointer}: `));
});

test("what is as it should be is taken", async () => {
  expect(await check(plain)).toBe("fine");
  expect(await check({ ...led, synthesis: false, max_parallel: 2 })).toBe("fine");
  expect(await check({ ...plain, on_member_failure: "substitute", substitute: "ag_lee" })).toBe(
    "fine",
  );
  expect(await check(withTeam("tm_b"), { tm_b: withTeam("tm_c"), tm_c: plain })).toBe("fine");
});

test("a team that is inside itself through others is refused, saying how", async () => {
  const others = { tm_b: withTeam("tm_c"), tm_c: withTeam("tm_self") };

  expect(await check(withTeam("tm_b"), others)).toBe(
    "/members/1/agent: A team would be inside itself: tm_self -> tm_b -> tm_c -> tm_self.",
  );
});

test("teams deeper than three, and with more turns in all than 200, are refused", async () => {
  const deep = { tm_b: withTeam("tm_c"), tm_c: withTeam("tm_d"), tm_d: plain };
  const wide = { tm_b: { ...plain, members: Array(20).fill(ann), max_rounds: 2 } };

  expect(await check(withTeam("tm_b"), deep)).toBe("/members/1/agent: Teams are at most 3 deep.");
  expect(await check({ ...withTeam("tm_b"), max_rounds: 5 }, wide)).toMatch(
    /^\/members: .* at most 200 turns; this one would take 210\.$/,
  );
  expect(await check({ ...withTeam("tm_b"), max_rounds: 4 }, wide)).toBe("fine");
});
