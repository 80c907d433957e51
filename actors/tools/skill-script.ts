// The tool skill_script: runs a script of a skill of the agent, in a sandbox. Python and shell scripts run in a process
// that sees a copy of the skill's files and nothing else of the server; who may have such is the operator's to say.

import { RuntimeError } from "../../runtime/errors.ts";
import { noUsage } from "../money/spent.ts";
import { Type } from "../schema.ts";
import { usedSkills } from "../skills/offer.ts";
import { type PinnedSkill, readSkillFiles } from "../skills/read.ts";
import {
  runnerOf,
  SCRIPTS,
  type SkillScriptOutcome,
  type SkillScriptRequest,
  skillScriptLimits,
  skillScriptTask,
} from "../skills/script.ts";
import { failure } from "./result.ts";
import { scriptLimits } from "./script-run.ts";
import type { Arguments } from "./tool.ts";
import { argumentsSchema, type ToolPlace, type ToolType } from "./tool-type.ts";

interface Config {
  readonly timeout_ms?: number;
  readonly memory_mb?: number;
}

/** Type `skill_script`. */
export const skillScriptTool: ToolType = {
  type: "skill_script",
  config: Type.Object(
    {
      timeout_ms: Type.Optional(
        Type.Integer({ minimum: 1, maximum: skillScriptLimits.timeoutMsMax }),
      ),
      memory_mb: Type.Optional(
        Type.Integer({
          minimum: scriptLimits.processMemoryMbMin,
          maximum: scriptLimits.processMemoryMbMax,
        }),
      ),
    },
    { additionalProperties: false },
  ),
  needs: ["execute"],
  describe: () =>
    "Runs a script of one of your skills, as its instructions say, and gives its exit code and what it wrote. It sees the files of its skill and its arguments, no network and no other files; nothing that it writes stays.",
  parameters: () => {
    const { arguments: maxItems, argumentChars, inputChars } = skillScriptLimits;
    return argumentsSchema(["skill", "path"], {
      skill: { type: "string", description: "Name of the skill." },
      path: { type: "string", description: `e.g. ${SCRIPTS}totals.py` },
      arguments: { type: "array", maxItems, items: { type: "string", maxLength: argumentChars } },
      input: { type: "string", maxLength: inputChars, description: "Its standard input." },
    });
  },
  make: (config, place, { resultChars }) => {
    if ((place.skills?.uses.length ?? 0) === 0) {
      return { isHidden: true, within: () => Promise.reject(noSkill("it")) };
    }
    return {
      runsSkills: true,
      within: async ({ arguments: given, key }) => ({
        result: await runScript(place, { ...(config as Config), resultChars }, given, key),
        usage: noUsage,
      }),
    };
  },
};

async function runScript(
  { context, owner, skills }: ToolPlace,
  { timeout_ms, memory_mb, resultChars }: Config & { readonly resultChars: number },
  given: Arguments,
  key: string,
): Promise<unknown> {
  const { tenant, ports } = context;
  const used = { uses: skills?.uses ?? [], pins: skills?.pins ?? {} };
  const found = await usedSkills({ context, ...used, key: `${key}:skills` });
  const name = String(given["skill"]);
  const skill = found.find(({ record }) => record.name === name);
  if (skill === undefined) throw noSkill(name);
  const timeoutMs = timeout_ms ?? skillScriptLimits.timeoutMs;
  const memoryMb = memory_mb ?? scriptLimits.processMemoryMb;
  const { threadMs, waitMs } = scriptLimits;
  const runMs = timeoutMs + threadMs;
  const limits = { tenant, key: owner, timeoutMs: waitMs + runMs, runMs };
  const outcome = await context.step<SkillScriptOutcome>(
    `${key}:run`,
    async ({ signal }) => {
      const read = (table: string, id: string) => context.row(table, id);
      const request = await requestOf(read, skill, given);
      const isAllowed = (ports.processTenants ?? []).some((one) => one === "*" || one === tenant);
      if (request.runner !== "javascript" && !isAllowed) throw notAllowed();
      const { outputShare, logShare } = skillScriptLimits;
      const outputBytes = Math.floor(resultChars * outputShare);
      const logBytes = Math.floor(resultChars * logShare);
      const input = { ...request, timeoutMs, memoryMb, outputBytes, logBytes };
      const made = await ports.compute.run(skillScriptTask, input, { ...limits, signal });
      return made as SkillScriptOutcome;
    },
    // It reaches nothing that it could change.
    { repeat: "safe", timeoutMs: limits.timeoutMs + threadMs },
  );
  if (outcome.type === "failed") return failure(outcome.code, outcome.message);
  const { type: _, ...result } = outcome;
  return result;
}

type Request = Omit<SkillScriptRequest, "timeoutMs" | "memoryMb" | "outputBytes" | "logBytes">;

/** @throws NOT_FOUND, INVALID. */
async function requestOf(
  read: (table: string, id: string) => Promise<unknown>,
  skill: PinnedSkill,
  given: Arguments,
): Promise<Request> {
  const path = String(given["path"]);
  const runner = runnerOf(path);
  if (runner === null) {
    const text = `A script lies in ${SCRIPTS} and ends in .py, .sh, .js or .mjs.`;
    throw new RuntimeError("INVALID", text, { pointer: "/path" });
  }
  const wanted = runner === "javascript" ? path : null;
  const files = await readSkillFiles(read, skill, wanted);
  if (!files.some((one) => one.path === path)) {
    const text = `The skill ${skill.record.name} has no such file.`;
    throw new RuntimeError("NOT_FOUND", text, { pointer: "/path" });
  }
  const { arguments: list = [], input = "" } = given;
  return { runner, path, files, arguments: list as readonly string[], input: String(input) };
}

function noSkill(name: string): RuntimeError {
  const text = `There is no skill ${name.slice(0, 64)} here.`;
  return new RuntimeError("NOT_FOUND", text, { pointer: "/skill" });
}

function notAllowed(): RuntimeError {
  const text =
    "Scripts of skills in Python and shell are run where the operator allows it (tools.process_tenants in troupe.yaml).";
  return new RuntimeError("FORBIDDEN", text);
}
