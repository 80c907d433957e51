// The skills of one answer: their names and descriptions stand in the prompt, and the model reads the
// rest of them, when it needs it, by a tool. Scripts are texts here like any others: the tool skill_script runs them.

import type { RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { noUsage } from "../money/spent.ts";
import type { Ports } from "../ports.ts";
import { versionId } from "../records/agent-version.ts";
import { type ResourceRow, resourceTables } from "../records/resource.ts";
import { readSkillName, type SkillInput, type SkillUse, skillLimits } from "../records/skill.ts";
import { skillKind } from "../records/skill-kind.ts";
import type { Arguments, RunTool } from "../tools/tool.ts";
import { type FoundSkills, newestOf, type SkillPins } from "./pins.ts";
import { type PinnedSkill, type ReadPage, readSkillPage } from "./read.ts";

/** Characters of a page as JSON, where the worst of letters has two. */
const RESULT_CHARS = 120_000;

/** What an answer has of its skills. */
export interface OfferedSkills {
  /** For the prompt. */
  readonly instruction: string;
  readonly tool: RunTool;
}

/** Which skills, and where they are offered. */
export interface SkillOffer {
  readonly context: RunContext<Ports>;
  readonly uses: readonly SkillUse[];
  /** Settled when the run was accepted. */
  readonly pins: SkillPins;
  /** Of the step that looks up the others, unique within the run. */
  readonly key: string;
  /** Name of the tool that runs scripts; undefined: there is none. */
  readonly runner?: string | undefined;
}

const tables = resourceTables(skillKind);

/** Null without skills: those that were deleted since an earlier version named them are left out. */
export async function offerSkills(offer: SkillOffer): Promise<OfferedSkills | null> {
  const skills = await usedSkills(offer);
  if (skills.length === 0) return null;
  return { instruction: instructionOf(skills, offer.runner), tool: toolOf(offer.context, skills) };
}

/** The versions that an answer uses. */
export async function usedSkills(offer: SkillOffer): Promise<readonly PinnedSkill[]> {
  const { context, uses } = offer;
  const pins = await settled(offer);
  const skills: PinnedSkill[] = [];
  for (const { id, version } of uses) {
    const at = id === undefined ? undefined : (version ?? pins[id]);
    if (id === undefined || at === undefined) continue;
    const row = (await context.row(tables.versions, versionId(id, at))) as
      | ResourceRow<SkillInput>
      | undefined;
    if (row !== undefined) skills.push({ id, version: at, record: row.record });
  }
  return skills;
}

async function settled({ context, uses, pins, key }: SkillOffer): Promise<SkillPins> {
  const left = uses.filter(({ id = "", version }) => version === undefined && !(id in pins));
  if (left.length === 0) return pins;
  const read = (table: string, id: string) => context.row(table, id);
  const found = await context.step<FoundSkills>(
    key,
    async () => ({ skills: await newestOf(read, left) }),
    { repeat: "safe" },
  );
  return { ...pins, ...found.skills };
}

/** A description is one line of the list, whatever was written. */
function instructionOf(skills: readonly PinnedSkill[], runner: string | undefined): string {
  const scripts =
    runner === undefined
      ? "You cannot run scripts."
      : `Where they say so, run their scripts with ${runner}.`;
  const lines = skills.map(
    ({ record: { name, description } }) => `- ${name}: ${description.replace(/\s+/g, " ")}`,
  );
  return [
    `Skills are instructions of your own for certain work. When one fits what is asked, read it with ${readSkillName} before you begin and follow it; read its further files when it says so. ${scripts}`,
    ...lines,
  ].join("\n");
}

function toolOf(context: RunContext<Ports>, skills: readonly PinnedSkill[]): RunTool {
  const byName = new Map(skills.map((skill) => [skill.record.name, skill]));
  const { readBytes, answerBytes, pathChars } = skillLimits;
  let left: number = answerBytes;
  return {
    spec: {
      name: readSkillName,
      description:
        "Reads a skill: without a path its instructions and which further files it has, with a path one of those files. A long text comes in pages: go on with offset = next_offset.",
      parameters: {
        type: "object",
        properties: {
          skill: { type: "string", enum: [...byName.keys()] },
          path: { type: "string", maxLength: pathChars, description: "e.g. references/forms.md" },
          offset: { type: "integer", minimum: 0, description: "Bytes; default 0." },
        },
        required: ["skill"],
        additionalProperties: false,
      },
    },
    resultChars: RESULT_CHARS,
    isGuidance: true,
    within: async ({ arguments: given, key }) => {
      // Taken before anything is waited for, since calls of a round go side by side; the step is made
      // whatever is left, so that a run that is resumed makes the same ones.
      const bytesMax = Math.min(readBytes, left);
      left -= bytesMax;
      let used = 0;
      try {
        const result = await context.step<ReadPage>(
          key,
          () => read(context, byName, given, bytesMax),
          { repeat: "safe", input: { name: readSkillName, given } },
        );
        used = Buffer.byteLength(result.content);
        return { result, usage: noUsage };
      } finally {
        left += bytesMax - Math.min(bytesMax, used);
      }
    },
  };
}

async function read(
  context: RunContext<Ports>,
  skills: ReadonlyMap<string, PinnedSkill>,
  given: Arguments,
  bytesMax: number,
): Promise<ReadPage> {
  const skill = skills.get(String(given["skill"]));
  if (skill === undefined) throw new RuntimeError("NOT_FOUND", "There is no such skill.");
  if (bytesMax < SMALLEST) {
    const most = skillLimits.answerBytes;
    const text = `At most ${most} bytes of skills are read for one answer: answer with what was read.`;
    throw new RuntimeError("INVALID", text, { limit: most });
  }
  const { path, offset } = given;
  return await readSkillPage((table, id) => context.row(table, id), skill, {
    path: typeof path === "string" && path !== "" ? path : null,
    offset: typeof offset === "number" ? offset : 0,
    bytesMax,
  });
}

/** A page has room for a character. */
const SMALLEST = 16;
