// Who takes part in a run of a team: its record at the pinned version, and its members, its leader and
// its substitute at the versions that were current when the run first looked.

import type { RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { pinTarget } from "../ask-target.ts";
import { type CompiledAgent, loadAgent } from "../compiled.ts";
import type { Ports } from "../ports.ts";
import { systemMessageFor } from "../prompts/system-message.ts";
import { versionId } from "../records/agent-version.ts";
import type { ResourceRecord, ResourceRow } from "../records/resource.ts";
import type { TeamInput, TeamMember } from "../records/team.ts";
import { type TargetPin, targetNamed, targetPlace } from "../targets.ts";
import type { TurnInput } from "../turn-input.ts";

/** A member as the run knows it. */
export interface Member {
  /** 1-based. */
  readonly place: number;
  /** `ag_`, `tm_` or `tl_`. */
  readonly target: string;
  /** Unique in the team. */
  readonly name: string;
  readonly role: string | null;
}

/** The leader, ready to be asked. */
export interface Leader extends Pick<TargetPin, "target" | "version"> {
  readonly name: string;
  readonly compiled: CompiledAgent;
  /** What its prompt says in this run. */
  readonly systemMessage?: string;
}

/** All that take part. */
export interface Crew {
  readonly team: ResourceRecord<TeamInput>;
  readonly members: readonly Member[];
  readonly leader: Leader | null;
  readonly substitute: string | null;
}

/** @throws NOT_FOUND for a version of the team that is not kept, or a leader that does not exist. */
export async function loadCrew(context: RunContext<Ports>, input: TurnInput): Promise<Crew> {
  const team = await recordAt<TeamInput>(context, input.agent, input.version);
  const { leader, substitute } = team;
  // All at once, so that what they are pinned to is written once; and before any is asked, because
  // the same one may be asked side by side.
  const all = [...team.members.map(({ agent }) => agent), leader, substitute];
  const targets = new Set(all.filter((id) => typeof id === "string"));
  const pins = new Map<string, TargetPin | null>();
  await Promise.all(
    [...targets].map(async (target) => {
      pins.set(target, await pinnedOrGone(context, target));
    }),
  );
  const named = await Promise.all(
    team.members.map(async (member) => member.name ?? (await nameOf(context, member, pins))),
  );
  const names = unique(named);
  return {
    team,
    members: team.members.map(({ agent, role }, at) => ({
      place: at + 1,
      target: agent,
      name: names[at] ?? agent,
      role: role ?? null,
    })),
    leader: leader ? await leaderOf(context, leader, pins.get(leader) ?? null, input) : null,
    substitute: substitute ?? null,
  };
}

async function leaderOf(
  context: RunContext<Ports>,
  target: string,
  pin: TargetPin | null,
  { variables }: TurnInput,
): Promise<Leader> {
  if (pin === null) throw new RuntimeError("NOT_FOUND", `Agent ${target} does not exist.`);
  const { version, prompts } = pin;
  const compiled = await loadAgent(context, { agent: target, version });
  // Its own values are among those of all that take part.
  const values = { ...(variables && { variables }), ...(prompts && { prompts }), task: target };
  const said = await systemMessageFor(context, compiled.agent, values);
  return { target, version, compiled, name: compiled.agent.name, ...said };
}

/** One that was removed is a member whose turns fail, as the team says. */
async function pinnedOrGone(context: RunContext<Ports>, target: string): Promise<TargetPin | null> {
  try {
    return await pinTarget(context, target);
  } catch (error) {
    if (error instanceof RuntimeError && error.code === "NOT_FOUND") return null;
    throw error;
  }
}

async function nameOf(
  context: RunContext<Ports>,
  { agent: target }: TeamMember,
  pins: ReadonlyMap<string, TargetPin | null>,
): Promise<string> {
  const pin = pins.get(target);
  if (!pin) return target;
  if (targetPlace(target).kind !== "agent") {
    return (await recordAt<{ readonly name: string }>(context, target, pin.version)).name;
  }
  return (await loadAgent(context, { agent: target, version: pin.version })).agent.name;
}

async function recordAt<Input extends object>(
  context: RunContext<Ports>,
  id: string,
  version: number,
): Promise<ResourceRecord<Input>> {
  const key = versionId(id, version);
  const row = await context.row(targetPlace(id).versions, key);
  if (row !== undefined) return (row as ResourceRow<Input>).record;
  throw new RuntimeError("NOT_FOUND", `${targetNamed(id)} has no version ${version}.`);
}

/** Names that are taken get a number behind them. */
function unique(names: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let free = name;
    for (let number = 2; taken.has(free); number += 1) free = `${name} ${number}`;
    taken.add(free);
    return free;
  });
}
