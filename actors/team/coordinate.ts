// Mode coordinate: members take turns over a shared transcript, round after round, until the rounds or
// the tokens are used up, a member says the closing phrase, or the leader says that it is enough.

import { RuntimeError } from "../../runtime/errors.ts";
import type { Member } from "./crew.ts";
import { judgeRound, unusable, type Word } from "./leader.ts";
import { memberTurn } from "./member-turn.ts";
import { discussionInstruction, type Round } from "./prompt.ts";
import { transcriptOf } from "./transcript.ts";
import { hearSteered, type Stop, spentOut, type TeamWork } from "./work.ts";

/** Hears the members; says why it stopped. @throws what a turn failed with when the team fails with it. */
export async function discuss(work: TeamWork): Promise<Stop> {
  const { team, members, leader } = work.crew;
  const rounds = team.max_rounds ?? 1;
  for (let number = 1; number <= rounds; number += 1) {
    if (number > 1) await hearSteered(work, `steer:${number}`);
    const heardBefore = work.heard.length;
    for (const member of members) {
      const stop = spentOut(work) ?? (await speak(work, member, { number, of: rounds }));
      if (stop !== null) return stop;
    }
    if (work.heard.length === heardBefore) {
      return { by: "failures", reason: `In round ${number} nobody could speak.` };
    }
    if (number === rounds || !team.stop?.leader || leader === null) continue;
    const word = await wordAfter(work, number);
    if (word?.done) return { by: "leader", reason: word.reason };
    if (word?.next) work.said.push({ speaker: leader.name, text: word.next });
  }
  return { by: "rounds", reason: `${rounds} of ${rounds} rounds were held (max_rounds).` };
}

async function speak(
  work: TeamWork,
  member: Member,
  { number, of }: Pick<Round, "number" | "of">,
): Promise<Stop | null> {
  const { crew, asked } = work;
  const { team, members } = crew;
  const isLast = number === of && member.place === members.length && !concludes(work);
  const result = await memberTurn(work, {
    turn: `${number}.${member.place}`,
    member,
    task: {
      text: asked.text,
      ...(asked.previous === undefined ? {} : { previous: asked.previous }),
      transcript: [...work.before, ...transcriptOf(work.said)],
      instruction: discussionInstruction(work, member, { number, of, isLast }),
    },
  });
  if (result === null) return null;
  const ended = withoutPhrase(result.text, team.stop?.phrase ?? "");
  // Who says the phrase alone agrees with what was said before.
  const text = ended || (ended === "" && work.heard.length > 0 ? "" : result.text);
  if (text !== "") {
    work.heard.push({ member, result: { ...result, text } });
    work.said.push({ speaker: member.name, text, sources: result.sources });
  }
  if (ended === null) return null;
  return { by: "phrase", reason: `${member.name} said the closing phrase.` };
}

/** Whether the leader concludes; else the answer is what was said last. */
export function concludes({ crew }: TeamWork): boolean {
  return crew.leader !== null && crew.team.synthesis !== false;
}

/** The leader's word; null when its model could not be asked: then the rounds decide. */
async function wordAfter(work: TeamWork, number: number): Promise<Word | null> {
  const { context, crew } = work;
  if (crew.leader === null) return null;
  try {
    return await judgeRound(work, crew.leader, number);
  } catch (error) {
    const isSurvivable =
      error instanceof RuntimeError &&
      (error.code.startsWith("PROVIDER_") || unusable.has(error.code));
    if (context.signal.aborted || !isSurvivable) throw error;
    return null;
  }
}

/** What may stand behind the closing phrase, and before it when it is cut off. */
const BEHIND = " \t\r\n.*_!`\"')]";
const BEFORE = " \t\r\n*_`\"'([";

/** The text before the closing phrase, null when it does not end with it. */
export function withoutPhrase(text: string, phrase: string): string | null {
  const isMarks = trimEnd(phrase, BEHIND) === "";
  const wanted = isMarks ? phrase.trim() : trimEnd(phrase, BEHIND);
  const whole = isMarks ? text.trimEnd() : trimEnd(text, BEHIND);
  if (wanted === "" || !whole.toLowerCase().endsWith(wanted.toLowerCase())) return null;
  return trimEnd(whole.slice(0, -wanted.length), BEFORE);
}

function trimEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}
