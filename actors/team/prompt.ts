// What members and leaders of a team are told beside what their own records say. Names, roles and the
// team's description come from records; what was said by anybody is in the transcript, as data.

import type { Member } from "./crew.ts";
import type { TeamWork } from "./work.ts";

/** Where a discussion is. */
export interface Round {
  readonly number: number;
  readonly of: number;
  /** Nobody speaks after this turn and nobody concludes: it is what the user reads. */
  readonly isLast: boolean;
}

/** For a member in a discussion. */
export function discussionInstruction(work: TeamWork, member: Member, round: Round): string {
  const phrase = work.crew.team.stop?.phrase;
  return lines([
    whoIs(work, member),
    `The members answer the user's message together, one after another: this is round ${round.number} of at most ${round.of}.`,
    "What was said before stands before the message. Say what your role adds to it: build on it, correct what is wrong, repeat nothing.",
    round.isLast
      ? "You speak last, and the user reads your text alone: let it be the whole answer."
      : "",
    phrase
      ? `When the message is answered and nothing is missing, end your text with: ${phrase}`
      : "",
  ]);
}

/** For a member that does a task of the leader's. */
export function taskInstruction(work: TeamWork, member: Member): string {
  return lines([
    whoIs(work, member),
    "The leader has split the user's message into tasks. Yours is the message you are given: do it, and nothing else. The user's own message, and results that yours builds on, stand before it.",
  ]);
}

/** For the leader that splits. */
export function planInstruction(work: TeamWork): string {
  return lines([
    whoLeads(work),
    "Split the user's last message into tasks for the members. A task says all that its member has to know. One member may have several tasks, and members that are not needed have none; no tasks at all when you can answer by yourself. In `after` are the ids of tasks whose results a task builds on; tasks that do not build on each other are done side by side. `reason` says in one sentence why it is split so.",
  ]);
}

/** For the leader that says whether it is enough. */
export function judgeInstruction(work: TeamWork): string {
  return lines([
    whoLeads(work),
    "The members have spoken. `done` is true when the user's message is answered and another round would add nothing that matters. `reason` says why in one sentence, and `next` what the members should do in the next round, empty when it is done.",
  ]);
}

/** For the leader that concludes. */
export function concludeInstruction(work: TeamWork): string {
  if (work.said.length === 0)
    return lines([whoLeads(work), "Nobody else is needed: answer alone."]);
  return lines([
    whoLeads(work),
    "The members have worked on the user's message; what they said stands before it. Answer the message from that, as one answer to the user. Numbers in brackets name their sources: keep them where you use what they stand behind. Say openly what they disagree on and what is missing, and do not speak of the members or of this work unless the user asks.",
  ]);
}

function whoIs(work: TeamWork, { name, role, place }: Member): string {
  const others = work.crew.members.filter((one) => one.place !== place);
  return lines([
    inTeam(work, `You are ${named({ name, role })} in the team`),
    others.length === 0 ? "" : `The others: ${others.map(named).join("; ")}.`,
  ]);
}

function whoLeads(work: TeamWork): string {
  const { members } = work.crew;
  return lines([
    inTeam(work, "You lead the team"),
    `Its members: ${members.map(named).join("; ")}.`,
  ]);
}

/** "… "Desk": what it is for." and, for a team in a team, what it is there for. */
function inTeam({ crew, input }: TeamWork, begin: string): string {
  const { name, description } = crew.team;
  const about = description ? `: ${description}` : ".";
  return lines([`${begin} "${name}"${about}`, input.task?.instruction ?? ""]);
}

function named({ name, role }: Pick<Member, "name" | "role">): string {
  return role === null ? name : `${name} (${role})`;
}

function lines(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("\n");
}
