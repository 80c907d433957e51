// What must hold of runs and their steps: each ends once, as everybody was told; stored steps are not
// called again; the other side is asked before a `reconcile` step is done again; a `never` step is
// called at most once, and UNKNOWN is said only where it may have happened.

import { ATTEMPTS_A_LIFE } from "../../../runtime/actor.ts";
import type { Address } from "../../../runtime/address.ts";
import { addressParts } from "../../../runtime/address.ts";
import { decodeRun } from "../../../runtime/runs/run-row.ts";
import { decodeCounter } from "../../../runtime/store/codec.ts";
import { keys } from "../../../runtime/store/keys.ts";
import type { Ended } from "./cast.ts";
import { DECISION, everyJob, type Job, type PlanStep, type Request } from "./script.ts";
import type { Course } from "./simulate.ts";
import type { Seen, World } from "./world.ts";

type Call = PlanStep & { readonly do: "call" };
type JobRequest = Request & { readonly type: "job" };

/** Adds what is wrong with the jobs of a course. */
export function checkJobs(course: Course, wrong: string[]): void {
  const byKey = new Map(course.rows.map((row) => [row.key, row.value]));
  const endedAt = new Map<string, { readonly desk: Address; readonly ended: Ended }>();
  for (const [desk, state] of course.desks) {
    for (const [name, ended] of Object.entries(state.ended)) {
      if (endedAt.has(name)) wrong.push(`${name} ended at two desks`);
      endedAt.set(name, { desk, ended });
      if (ended.times !== 1) wrong.push(`${name} ended ${ended.times} times`);
      const { tenant } = addressParts(desk);
      const key = keys.run(tenant, ended.run);
      const row = byKey.get(key);
      const stored = row === undefined ? null : decodeRun(key, row);
      if (stored?.status !== ended.status) {
        wrong.push(`the row of ${name} says ${stored?.status}, its desk ${ended.status}`);
      }
      const count = decodeCounter(byKey.get(keys.counter(tenant, `end.${name}`)));
      if (count > 1 || (ended.status === "completed" && count !== 1)) {
        wrong.push(`the end of ${name} was written ${count} times`);
      }
    }
    for (const name of Object.values(state.runs)) {
      if (state.ended[name] === undefined) wrong.push(`${name} never ended`);
    }
  }
  for (const request of course.script.requests) {
    if (request.type !== "job") continue;
    const of = endedAt.get(request.job.name);
    if (of === undefined) wrong.push(`${request.job.name} is not known to its desk`);
    else checkRoot(course, request, of.ended, wrong);
    checkCallsBelow(course, request.job, wrong);
  }
  for (const { ended } of endedAt.values()) {
    const job = jobCalled(course, ended);
    if (job !== undefined && ended.status === "completed") {
      checkResults(course, job, ended.results, wrong);
    }
  }
}

function jobCalled({ script, desks }: Course, ended: Ended): Job | undefined {
  let found: Job | undefined;
  const name = [...desks.values()].map(({ runs }) => runs[ended.run]).find((one) => one);
  const look = (job: Job): void => {
    if (job.name === name) found = job;
    for (const below of jobsBelow(job)) look(below);
  };
  for (const request of script.requests) if (request.type === "job") look(request.job);
  return found;
}

/** Whether a job or one above it has a deadline of its own or may be cancelled. */
function mayBeCut({ script }: Course, job: Job): boolean {
  let isCut = false;
  for (const request of script.requests) {
    if (request.type !== "job") continue;
    everyJob(request.job, request.cancelAfterMs !== undefined, (one, may) => {
      if (one === job) isCut ||= may;
    });
  }
  return isCut;
}

function jobsBelow(job: Job): readonly Job[] {
  return job.steps.flatMap((step) => {
    if (step.do === "children") return step.jobs;
    return step.do === "ask-desk" ? [step.job] : [];
  });
}

/** A job of a caller: what the caller was told is what is stored, and what it wished was done. */
function checkRoot(course: Course, request: JobRequest, ended: Ended, wrong: string[]): void {
  const { told } = course;
  const { job, cancelAfterMs } = request;
  const { name, timeoutMs, fails } = job;
  const shown = told.ends.get(name);
  if (shown?.outcome.status !== ended.status) {
    wrong.push(`${name} ended ${ended.status}; its caller was shown ${shown?.outcome.status}`);
  }
  const reply = shown?.reply as { status?: string } | null | undefined;
  if (reply?.status !== ended.status) wrong.push(`the end of ${name} came with ${reply?.status}`);
  const allowed = new Set<string>([fails ? "failed" : "completed"]);
  if (timeoutMs !== undefined) allowed.add("expired");
  if (cancelAfterMs !== undefined) allowed.add("cancelled");
  if (told.cancelled.has(name)) {
    allowed.delete("completed");
    allowed.delete("failed");
  }
  if (!allowed.has(ended.status)) {
    wrong.push(`${name} ended ${ended.status} (${ended.code}), not ${[...allowed].join(" or ")}`);
  }
  checkSteers(course, request, ended, wrong);
}

function checkSteers(course: Course, request: JobRequest, ended: Ended, wrong: string[]): void {
  const { name, steps } = request.job;
  const taken = steps
    .filter((step) => step.do === "steered")
    .flatMap((step) => (ended.results[step.key] ?? []) as readonly string[]);
  const inOrder = request.steers.filter((value) => taken.includes(value));
  if (taken.length !== new Set(taken).size) wrong.push(`${name} was steered twice: ${taken}`);
  if (taken.some((value) => !request.steers.includes(value))) {
    wrong.push(`${name} was steered by somebody: ${taken}`);
  }
  if (ended.status !== "completed" || !steps.some((step) => step.key === "last")) return;
  const lookedMs = course.world.marks.get(`${name}|last`) ?? 0;
  for (const { value, passedMs } of course.told.steered.get(name) ?? []) {
    if (passedMs < lookedMs && !inOrder.includes(value)) wrong.push(`${name} missed ${value}`);
  }
}

function checkCallsBelow(course: Course, job: Job, wrong: string[]): void {
  checkCalls(course, job, wrong);
  for (const below of jobsBelow(job)) checkCallsBelow(course, below, wrong);
}

/** What the other side saw of a job's steps. */
function checkCalls({ world, struck }: Course, job: Job, wrong: string[]): void {
  const seen = world.seen.filter((one) => one.job === job.name);
  const hasPowerFailed = struck.some((fault) => fault.type === "power");
  checkOrder(world, job, wrong);
  for (const step of job.steps) {
    if (step.do !== "call") continue;
    const of = seen.filter((one) => one.key === step.key);
    const calls = of.filter((one) => one.what === "call");
    const numbers = new Set(calls.map((one) => one.attempt));
    if (numbers.size !== calls.length && !hasPowerFailed) {
      wrong.push(`${job.name} ${step.key}: an attempt number was used twice`);
    }
    if (step.repeat === "safe") {
      // What was only committed before a call may be lost with the power, its life's number too.
      if (!hasPowerFailed) checkSafe(job, step, calls, wrong);
    } else if (step.repeat === "never") {
      if (calls.length > 1) wrong.push(`${job.name} ${step.key}: never, called ${calls.length}x`);
    } else checkReconcile(job, step, of, wrong);
    if (struck.length === 0 && step.repeat !== "safe" && calls.length > 1) {
      wrong.push(`${job.name} ${step.key}: called ${calls.length} times without a fault`);
    }
  }
}

/**
 * A stored step is not called again. Before a `safe` step what came before is stored (`committed`),
 * but not flushed: a power cut may take it, and then it is done again. A `never` or `reconcile` step
 * is not called before its attempt is flushed, and everything before it: no power cut takes that.
 */
function checkOrder({ seen, cuts }: World, job: Job, wrong: string[]): void {
  const order = new Map(job.steps.map((step, at) => [step.key, at]));
  let furthest = -1;
  let flushed = -1;
  let cut = 0;
  for (const [index, one] of seen.entries()) {
    for (; (cuts[cut]?.seen ?? Number.POSITIVE_INFINITY) <= index; cut += 1) {
      for (const { job: name, key } of cuts[cut]?.lost ?? []) {
        const at = name === job.name ? order.get(key) : undefined;
        if (at !== undefined) furthest = Math.max(flushed, Math.min(furthest, at));
      }
    }
    if (one.job !== job.name || (one.what !== "call" && one.what !== "query")) continue;
    const at = order.get(one.key) ?? -1;
    if (one.what === "call" && at < furthest) {
      wrong.push(`${job.name} called ${one.key} again after a later step`);
    }
    furthest = Math.max(furthest, at);
    const step = job.steps[at];
    if (step?.do === "call" && step.repeat !== "safe") flushed = Math.max(flushed, at);
  }
}

function checkSafe(job: Job, step: Call, calls: readonly Seen[], wrong: string[]): void {
  const lives = new Map<number, number>();
  for (const { attempt } of calls) {
    const life = Math.floor(attempt / ATTEMPTS_A_LIFE);
    lives.set(life, (lives.get(life) ?? 0) + 1);
  }
  const most = step.how === "ok" || step.how === "fatal" ? 1 : step.how === "hang" ? 3 : 2;
  for (const [life, count] of lives) {
    if (count > most) wrong.push(`${job.name} ${step.key}: ${count} calls in life ${life}`);
  }
}

function checkReconcile(job: Job, step: Call, of: readonly Seen[], wrong: string[]): void {
  let isAsked = true;
  let hasHappened = false;
  for (const one of of) {
    if (one.what === "query") isAsked = true;
    if (one.what === "effect") hasHappened = true;
    if (one.what !== "call") continue;
    if (!isAsked) wrong.push(`${job.name} ${step.key}: done again without asking`);
    if (hasHappened) wrong.push(`${job.name} ${step.key}: done again after it had happened`);
    isAsked = false;
  }
}

/** Results as the run returned them: allowed for how the other side behaves, and really answered. */
function checkResults(
  course: Course,
  job: Job,
  results: Readonly<Record<string, unknown>>,
  wrong: string[],
): void {
  // A child may run into the deadline of the run above.
  const mayExpire = (child: Job): boolean =>
    child.timeoutMs !== undefined || job.timeoutMs !== undefined;
  for (const step of job.steps) {
    const result = results[step.key];
    const say = (what: string): void =>
      void wrong.push(`${job.name} ${step.key}: ${JSON.stringify(result)} ${what}`);
    switch (step.do) {
      case "call":
        checkCall(course, { job, step, result, say });
        break;
      case "text": {
        const text = (result as { text?: string } | null)?.text ?? "";
        if (!text.startsWith(`${job.name} ${step.key} attempt`)) say("is not its text");
        break;
      }
      case "ask": {
        if (result === "DEADLINE" && mayBeCut(course, job)) break;
        const { n } = result as { n?: number };
        if (course.nodes.get(step.to)?.log[(n ?? 0) - 1] !== step.id) say("is not its number");
        break;
      }
      case "send":
        if (!course.nodes.get(step.to)?.log.includes(step.id)) say("and not there");
        break;
      case "sleep":
        if (result !== "slept") say("");
        break;
      case "decision":
        if (result !== DECISION && result !== "DEADLINE") say("is no decision");
        break;
      case "ask-desk":
        checkAsked(course, step, result, say);
        break;
      case "children":
        step.jobs.forEach((child, at) => {
          const one = (result as readonly unknown[])[at];
          if (typeof one === "object") {
            checkResults(course, child, one as Record<string, unknown>, wrong);
          } else if (!(child.fails && one === "failed") && !mayExpire(child)) {
            say(`is no end of ${child.name}`);
          }
        });
        break;
      case "steered":
      case "question":
        break;
    }
  }
}

function checkAsked(
  { desks }: Course,
  step: PlanStep & { readonly do: "ask-desk" },
  result: unknown,
  say: (what: string) => void,
): void {
  const { job, to } = step;
  const ended = desks.get(to)?.ended[job.name];
  if (result === "CYCLE") {
    if (ended !== undefined) say("and the run was started");
    return;
  }
  const code = typeof result === "string" ? result : undefined;
  if (code === undefined) {
    if ((result as { status?: string }).status !== ended?.status) say(`is not ${ended?.status}`);
    return;
  }
  if (ended?.code !== code && code !== "DEADLINE") say(`where it ended ${ended?.code}`);
}

const PERMITTED: Readonly<Record<Call["how"], string>> = {
  ok: "",
  flaky: "PROVIDER_LIMITED",
  fatal: "PROVIDER_FAILED",
  hang: "DEADLINE",
  lost: "PROVIDER_UNAVAILABLE",
};

function checkCall(
  { world, struck }: Course,
  of: { job: Job; step: Call; result: unknown; say: (what: string) => void },
): void {
  const { job, step, result, say } = of;
  const { how, repeat } = step;
  const seen = world.seen.filter((one) => one.job === job.name && one.key === step.key);
  if (result === "STEP_UNKNOWN") {
    if (repeat !== "never" || struck.length === 0) say("for nothing");
    return;
  }
  if (result === PERMITTED[how]) {
    // Retried, these would have worked.
    if (repeat === "safe" && (how === "flaky" || how === "lost")) say("was not tried again");
    return;
  }
  const last = seen.filter((one) => one.what === "answer" || one.what === "query").at(-1);
  if (typeof result !== "string" || last?.token !== result) say("was never answered");
  const effects = seen.filter((one) => one.what === "effect").length;
  if (repeat !== "safe" && effects !== 1) say(`with ${effects} effects`);
}
