// What no schema can say of a team: who leads, who stands in, whom it names, and that the teams inside
// it are neither itself nor too many. The door calls it before a team is stored.

import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import type { TeamInput } from "../records/team.ts";
import { targetPlace } from "../targets.ts";

/** What a check needs of other records. */
export interface TeamLookup {
  /** The team that is checked; null for a new one. */
  readonly id: string | null;
  /** @throws INVALID with the pointer for a record that does not exist. */
  mustExist(id: string, prefixes: readonly string[], pointer: string): Promise<void>;
  /** Type of a stored tool. */
  toolType(id: string): Promise<string | undefined>;
  /** A stored team. */
  team(id: string): Promise<TeamInput | undefined>;
}

type Shape = Pick<TeamInput, "mode" | "members" | "max_rounds">;

/** Turns of members that a team takes when nothing ends it before: under a leader one for each. */
export function turnsOf({ mode, members, max_rounds }: Shape): number {
  return mode === "supervisor" ? members.length : members.length * (max_rounds ?? 1);
}

/** @throws INVALID with `details.pointer`. */
export async function checkTeam(team: TeamInput, lookup: TeamLookup): Promise<void> {
  checkLeader(team);
  checkSubstitute(team);
  checkNames(team);
  if (turnsOf(team) > limits.teamTurns) {
    const most = `A team takes at most ${limits.teamTurns} turns`;
    throw invalid(
      "/max_rounds",
      `${most}; ${team.members.length} members would take ${turnsOf(team)}.`,
    );
  }
  const { leader, substitute, members } = team;
  if (leader) await lookup.mustExist(leader, ["ag"], "/leader");
  if (substitute) await checkAsked(substitute, ["ag", "tl"], "/substitute", lookup);
  for (const [at, { agent }] of members.entries()) {
    const pointer = `/members/${at}/agent`;
    if (agent === lookup.id) throw invalid(pointer, "A team cannot be a member of itself.");
    await checkAsked(agent, ["ag", "tm", "tl"], pointer, lookup);
  }
  await checkBelow(team, lookup);
}

/** Whoever is given turns is there, and answers: of the tools an agent elsewhere does. */
async function checkAsked(
  id: string,
  prefixes: readonly string[],
  pointer: string,
  lookup: TeamLookup,
): Promise<void> {
  await lookup.mustExist(id, prefixes, pointer);
  const type = targetPlace(id).kind === "tool" ? await lookup.toolType(id) : undefined;
  if (type === undefined || type === "remote_agent") return;
  const text = `Tool ${id} is a ${type}; of the tools only a remote_agent can take part in a team.`;
  throw invalid(pointer, text);
}

function checkLeader({ leader, mode, stop, synthesis }: TeamInput): void {
  if (leader) return;
  if (mode === "supervisor") throw invalid("/leader", "A team in mode supervisor needs a leader.");
  if (stop?.leader) throw invalid("/stop/leader", "A leader's word needs a leader.");
  if (synthesis) throw invalid("/synthesis", "A synthesis needs a leader, who writes it.");
}

function checkSubstitute({ substitute, on_member_failure }: TeamInput): void {
  const wants = on_member_failure === "substitute";
  if (wants && !substitute) {
    throw invalid("/substitute", "on_member_failure is substitute: name the agent that stands in.");
  }
  if (!wants && substitute) {
    throw invalid("/substitute", "A substitute is used when on_member_failure is substitute.");
  }
}

function checkNames({ members }: TeamInput): void {
  const names = new Set<string>();
  for (const [at, { name }] of members.entries()) {
    if (!name) continue;
    const pointer = `/members/${at}/name`;
    if (names.has(name)) throw invalid(pointer, `Two members have the name "${name}".`);
    names.add(name);
  }
}

/** Where a walk through teams inside each other is. */
interface Walk {
  readonly lookup: TeamLookup;
  /** Teams above, the checked one first. */
  readonly above: readonly string[];
  readonly pointer: string;
}

async function checkBelow(team: TeamInput, lookup: TeamLookup): Promise<void> {
  const above = [lookup.id ?? "the new team"];
  const turns = await allTurns(team, { lookup, above, pointer: "/members" });
  if (turns <= limits.teamTurnsBelow) return;
  throw invalid(
    "/members",
    `With the teams inside it a team takes at most ${limits.teamTurnsBelow} turns; this one would take ${turns}.`,
  );
}

/** Turns of a team and of all below it. */
async function allTurns(team: Shape, { lookup, above, pointer }: Walk): Promise<number> {
  const rounds = turnsOf(team) / team.members.length;
  let turns = 0;
  for (const [at, { agent }] of team.members.entries()) {
    turns += rounds;
    if (targetPlace(agent).kind !== "team") continue;
    // Inside another team the fault is that of the member through which it is reached.
    const place = above.length === 1 ? `${pointer}/${at}/agent` : pointer;
    if (above.includes(agent)) {
      throw invalid(place, `A team would be inside itself: ${[...above, agent].join(" -> ")}.`);
    }
    if (above.length >= limits.teamDepth) {
      throw invalid(place, `Teams are at most ${limits.teamDepth} deep.`);
    }
    const below = await lookup.team(agent);
    if (below === undefined) continue;
    turns += rounds * (await allTurns(below, { lookup, above: [...above, agent], pointer: place }));
  }
  return turns;
}

function invalid(pointer: string, message: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
