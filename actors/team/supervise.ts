// Mode supervisor: the leader splits the message into tasks, members do them, those that do not build
// on each other side by side. What was done stands in the order of the plan, whoever was faster.

import { limits } from "../limits.ts";
import type { Leader } from "./crew.ts";
import { splitMessage } from "./leader.ts";
import { memberTurn, wasBegun } from "./member-turn.ts";
import type { Plan, PlannedTask } from "./plan.ts";
import { taskInstruction } from "./prompt.ts";
import { createSlots, type Slots } from "./slots.ts";
import { type Said, transcriptOf } from "./transcript.ts";
import { emitTeam, type Heard, type Stop, spentOut, type TeamWork } from "./work.ts";

/** What became of a task. */
type Done = Heard | { readonly failed: string };

interface Execution {
  readonly work: TeamWork;
  readonly plan: Plan;
  readonly slots: Slots;
  /** The tasks under way and done, by id. */
  readonly tasks: Map<string, Promise<Done>>;
}

/** Splits the message, and shows how. @throws OUTPUT_INVALID, what the leader's provider threw. */
export async function planTasks(work: TeamWork, leader: Leader): Promise<Plan> {
  const plan = await splitMessage(work, leader);
  work.turnsPlanned = plan.tasks.length;
  const { tasks, fallback } = plan;
  emitTeam(work, "plan", { type: "team_plan", tasks, ...(fallback && { fallback }) });
  return plan;
}

/** Has the tasks done; says why it stopped. @throws what a turn failed with when the team fails with it. */
export async function doTasks(work: TeamWork, plan: Plan): Promise<Stop> {
  const parallel = work.crew.team.max_parallel ?? limits.teamParallel;
  const all: Execution = { work, plan, slots: createSlots(parallel), tasks: new Map() };
  const ended = await Promise.allSettled(plan.tasks.map((task) => doTask(all, task)));
  const broken = ended.find(({ status }) => status === "rejected");
  if (broken?.status === "rejected") throw work.isFailing ? work.failure : broken.reason;
  for (const [at, one] of ended.entries()) {
    const task = plan.tasks[at];
    if (one.status === "rejected" || task === undefined) continue;
    if (!("failed" in one.value)) work.heard.push(one.value);
    work.said.push(saidOf(task, one.value));
  }
  const done = `${work.heard.length} of ${plan.tasks.length} tasks were done.`;
  const cut = work.heard.length < plan.tasks.length ? spentOut(work) : null;
  return cut === null ? { by: "tasks", reason: done } : { ...cut, reason: `${done} ${cut.reason}` };
}

/** A task once, however many build on it. */
function doTask(all: Execution, task: PlannedTask): Promise<Done> {
  const known = all.tasks.get(task.id);
  if (known !== undefined) return known;
  const doing = afterOthers(all, task);
  all.tasks.set(task.id, doing);
  return doing;
}

async function afterOthers(all: Execution, task: PlannedTask): Promise<Done> {
  const { plan, slots } = all;
  const others = plan.tasks.filter(({ id }) => task.after.includes(id));
  const before = await Promise.all(others.map((other) => doTask(all, other)));
  const results = before.flatMap((done, at) => {
    const other = others[at];
    return other === undefined ? [] : [saidOf(other, done)];
  });
  await slots.take();
  try {
    return await perform(all.work, task, results);
  } finally {
    slots.give();
  }
}

async function perform(work: TeamWork, task: PlannedTask, results: readonly Said[]): Promise<Done> {
  const { crew, asked } = work;
  if (work.isFailing) throw work.failure;
  const spent = wasBegun(work, task.id) ? null : spentOut(work);
  if (spent !== null) return { failed: spent.reason };
  const member = crew.members.find(({ name }) => name === task.member);
  if (member === undefined) return { failed: `There is no member "${task.member}".` };
  const isWhole = task.task === asked.text;
  const said: readonly Said[] = isWhole
    ? results
    : [{ speaker: "user", text: asked.text }, ...results];
  const result = await memberTurn(work, {
    turn: task.id,
    member,
    task: {
      text: task.task,
      // A task says all that is needed; the whole message may point back to the one before it.
      ...(isWhole && asked.previous !== undefined ? { previous: asked.previous } : {}),
      transcript: [...work.before, ...transcriptOf(said)],
      instruction: taskInstruction(work, member),
    },
  });
  return result === null ? { failed: "The member could not do it." } : { member, result };
}

function saidOf({ member, task }: PlannedTask, done: Done): Said {
  return "failed" in done
    ? { speaker: member, task, text: "", failed: done.failed }
    : { speaker: member, task, text: done.result.text, sources: done.result.sources };
}
