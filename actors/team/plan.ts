// How a leader splits a message: the JSON it is asked for, what no schema can say of it, and the plan
// of a team without a model, in which every member gets the whole message.

import { limits } from "../limits.ts";

/** A task of one member. */
export interface PlannedTask {
  readonly id: string;
  /** Name of the member. */
  readonly member: string;
  readonly task: string;
  /** Ids of tasks whose results it builds on. */
  readonly after: readonly string[];
}

/** A split message. No tasks: the leader answers alone. */
export interface Plan {
  readonly reason: string;
  readonly tasks: readonly PlannedTask[];
  /** Set when it stands in for a plan that could not be used. */
  readonly fallback?: "members" | "leader";
}

/** Characters of a task as a leader writes it, and of its reasons. */
const TASK_CHARS = 8_000;
const REASON_CHARS = 2_000;
const ID = "^[A-Za-z0-9_-]{1,32}$";

/** JSON Schema of a plan for these members. */
export function planSchema(members: readonly string[]): Readonly<Record<string, unknown>> {
  const task = {
    type: "object",
    additionalProperties: false,
    required: ["id", "member", "task", "after"],
    properties: {
      id: { type: "string", pattern: ID },
      member: { enum: members },
      task: { type: "string", minLength: 1, maxLength: TASK_CHARS },
      after: { type: "array", items: { type: "string" }, maxItems: limits.teamTasks },
    },
  };
  return {
    type: "object",
    additionalProperties: false,
    required: ["reason", "tasks"],
    properties: {
      reason: { type: "string", maxLength: REASON_CHARS },
      tasks: { type: "array", maxItems: limits.teamTasks, items: task },
    },
  };
}

/** What is wrong with a plan that fits its schema: null, or a sentence for the leader. */
export function planFault(
  plan: Plan,
): { readonly reason: string; readonly pointer: string } | null {
  const places = new Map<string, number>();
  for (const [at, { id }] of plan.tasks.entries()) {
    if (places.has(id)) return fault(`/tasks/${at}/id`, `Two tasks have the id "${id}".`);
    places.set(id, at);
  }
  for (const [at, { after }] of plan.tasks.entries()) {
    const place = after.findIndex((id) => !places.has(id));
    const pointer = `/tasks/${at}/after/${place}`;
    if (place !== -1) return fault(pointer, `There is no task "${after[place]?.slice(0, 64)}".`);
  }
  const stuck = stuckTask(plan.tasks);
  if (stuck === -1) return null;
  const { id } = plan.tasks[stuck] ?? { id: "" };
  return fault(`/tasks/${stuck}/after`, `The task "${id}" would wait for itself.`);
}

/** The place of a task that can never begin, -1 when there is none. */
function stuckTask(tasks: readonly PlannedTask[]): number {
  const done = new Set<string>();
  let before = -1;
  while (done.size > before) {
    before = done.size;
    for (const { id, after } of tasks) {
      if (after.every((one) => done.has(one))) done.add(id);
    }
  }
  return tasks.findIndex(({ id }) => !done.has(id));
}

function fault(pointer: string, what: string) {
  return { pointer, reason: `At "${pointer}": ${what}` };
}

/** The plan that needs no model: all members answer the whole message, side by side. */
export function planForAll(members: readonly string[], message: string): Plan {
  const reason = "Without a model the message is not split: every member answers it.";
  return { reason, tasks: tasksForAll(members, message) };
}

/** What is done when the leader's plan stays wrong: as `on_plan_failure` of a team says. */
export function planWithout(
  policy: "members" | "leader",
  members: readonly string[],
  message: string,
): Plan {
  const why = `The leader's plan could not be used, also after ${limits.teamPlanRepairs} repairs`;
  return policy === "leader"
    ? { reason: `${why}: the leader answers alone.`, tasks: [], fallback: policy }
    : {
        reason: `${why}: every member answers the whole message.`,
        tasks: tasksForAll(members, message),
        fallback: policy,
      };
}

function tasksForAll(members: readonly string[], message: string): readonly PlannedTask[] {
  return members.map((member, at) => ({ id: `t${at + 1}`, member, task: message, after: [] }));
}
