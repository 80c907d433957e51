// The tool schedule: what an agent sets for itself in a conversation, once at a time or again and again. It is a trigger
// of the tenant: when it is due the agent is asked its text in the same conversation, and what it answers is there and
// in the channel that the conversation came from.

import type { RunContext } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import { noUsage } from "../money/spent.ts";
import type { Ports } from "../ports.ts";
import { triggerLimits } from "../records/trigger.ts";
import { Type } from "../schema.ts";
import type { Planned, Schedules } from "../triggers/port.ts";
import { optionalText, textIn, wordIn } from "./file-arguments.ts";
import type { Arguments } from "./tool.ts";
import { argumentsSchema, type ToolType } from "./tool-type.ts";

const actions = ["create", "list", "cancel"] as const;
const whens = ["in_seconds", "at", "every_seconds", "cron"] as const;

/** To come in one conversation: by default, and most; seconds between two times: by default, and least. */
const scheduleLimits = {
  most: 10,
  mostMax: 50,
  leastS: 300,
  leastSMin: 60,
  textChars: 2_000,
} as const;

type Context = RunContext<Ports>;

interface ScheduleConfig {
  readonly most?: number;
  readonly least_seconds?: number;
}

/** Type `schedule`. */
export const scheduleTool: ToolType = {
  type: "schedule",
  config: Type.Object(
    {
      /** Schedules to come of one conversation. Default 10. */
      most: Type.Optional(Type.Integer({ minimum: 1, maximum: scheduleLimits.mostMax })),
      /** Seconds between two times of one. Default 300. */
      least_seconds: Type.Optional(
        Type.Integer({ minimum: scheduleLimits.leastSMin, maximum: triggerLimits.everyS }),
      ),
    },
    { additionalProperties: false },
  ),
  needs: ["write"],
  describe: () =>
    "Sets a reminder or a recurring task in this conversation: when it is due you are given its text and answer the user here. Also lists what is set, and cancels one.",
  parameters: () =>
    argumentsSchema(["action"], {
      action: { type: "string", enum: actions },
      text: {
        ...{ type: "string", minLength: 1, maxLength: scheduleLimits.textChars },
        description: "Of create: what you are to do then, with all that you need to know.",
      },
      in_seconds: { type: "integer", minimum: 1, maximum: triggerLimits.everyS },
      at: { type: "string", maxLength: 40, description: "ISO 8601 with offset: once." },
      every_seconds: { type: "integer", minimum: 1, maximum: triggerLimits.everyS },
      cron: { type: "string", maxLength: triggerLimits.cronChars, description: "Five fields." },
      time_zone: { type: "string", maxLength: triggerLimits.zoneChars, description: "Of cron." },
      id: { type: "string", maxLength: 64, description: "Of cancel: tr_..." },
    }),
  make: (config, { context, input }) => {
    const { schedules } = context.ports;
    const isHidden = schedules === undefined || input.owner !== "conversation";
    const why = "Nothing can be scheduled here: this is no conversation that goes on.";
    return {
      ...(isHidden && { isHidden: true as const }),
      refuses: () => (isHidden ? why : null),
      async within({ arguments: given, key }) {
        if (schedules === undefined) throw new RuntimeError("CONFLICT", why);
        const result = await performed(context, { schedules, config, given, key });
        return { result, usage: noUsage };
      },
    };
  },
};

interface Asked {
  readonly schedules: Schedules;
  readonly config: ScheduleConfig;
  readonly given: Arguments;
  readonly key: string;
}

async function performed(context: Context, asked: Asked): Promise<unknown> {
  const { schedules, config, given, key } = asked;
  const { tenant } = context;
  const of = { tenant, conversation: addressParts(context.self).root };
  const options = { repeat: "safe", timeoutMs: limits.toolMs } as const;
  switch (wordIn(given, "action", actions)) {
    case "create": {
      const plan = await planOf(context, given, key);
      const { most = scheduleLimits.most, least_seconds: leastS = scheduleLimits.leastS } = config;
      // The same key whenever it is done: it is set once.
      const wanted = { ...of, plan, most, leastS, key: `${context.id}/${key}` };
      return await context.step(`${key}:plan`, () => schedules.plan(wanted), options);
    }
    case "list": {
      const planned = await context.step(`${key}:list`, () => schedules.planned(of), options);
      return { schedules: planned };
    }
    case "cancel": {
      const id = textIn(given, "id");
      const known = await context.step(`${key}:known`, () => schedules.planned(of), options);
      if (!known.some((one) => one.id === id)) {
        const text = `This conversation has no schedule ${id.slice(0, 64)}.`;
        throw new RuntimeError("NOT_FOUND", text, { pointer: "/id" });
      }
      await context.step(`${key}:cancel`, () => schedules.unplan({ ...of, id }), options);
      return { cancelled: id };
    }
  }
}

/** What is wanted. @throws INVALID. */
async function planOf(
  context: Context,
  given: Arguments,
  key: string,
): Promise<Omit<Planned, "id">> {
  const text = textIn(given, "text");
  if (text.trim() === "" || text.length > scheduleLimits.textChars) {
    const said = `text has 1 to ${scheduleLimits.textChars} characters.`;
    throw new RuntimeError("INVALID", said, { pointer: "/text" });
  }
  const said = whens.filter((name) => given[name] !== undefined && given[name] !== null);
  const [when] = said;
  if (when === undefined || said.length > 1) {
    const need = "One of in_seconds, at, every_seconds and cron says when.";
    throw new RuntimeError("INVALID", need, { pointer: `/${said[1] ?? "at"}` });
  }
  if (when === "cron") {
    const zone = optionalText(given, "time_zone");
    return { text, cron: textIn(given, "cron"), ...(zone !== undefined && { time_zone: zone }) };
  }
  if (when === "at") return { text, at: timeIn(given) };
  const seconds = secondsIn(given, when);
  if (when === "every_seconds") return { text, every: seconds };
  const nowMs = await context.now(`${key}:now`);
  return { text, at: new Date(nowMs + seconds * 1_000).toISOString() };
}

const OFFSET = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;

function timeIn(given: Arguments): string {
  const at = textIn(given, "at");
  if (OFFSET.test(at) && !Number.isNaN(Date.parse(at))) return new Date(at).toISOString();
  const text = `"${at.slice(0, 40)}" is no time with an offset, such as 2026-05-01T09:00:00+02:00.`;
  throw new RuntimeError("INVALID", text, { pointer: "/at" });
}

function secondsIn(given: Arguments, name: "in_seconds" | "every_seconds"): number {
  const value = Number(given[name]);
  if (Number.isInteger(value) && value >= 1 && value <= triggerLimits.everyS) return value;
  const text = `${name} is a whole number of 1 to ${triggerLimits.everyS}.`;
  throw new RuntimeError("INVALID", text, { pointer: `/${name}` });
}
