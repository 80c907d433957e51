// What must hold of decisions that turns make: each question is asked once, comes to an end with its
// run, and what the run was told is what was decided.

import type { Ended } from "./cast.ts";
import { DECISION, everyJob, type Job } from "./script.ts";
import type { Course } from "./simulate.ts";

/** Adds what is wrong with the keepers of a course. */
export function checkKeepers(course: Course, wrong: string[]): void {
  const questions = new Map(
    [...course.keepers.values()].flatMap((state) => Object.entries(state.questions)),
  );
  for (const [keeper, state] of course.keepers) {
    for (const what of state.wrong) wrong.push(`${keeper}: ${what}`);
  }
  for (const [id, { state }] of questions) {
    if (state === "pending") wrong.push(`${id} was never decided, and never let go`);
  }
  const check = (job: Job, results: Ended["results"]): void => {
    for (const step of job.steps) {
      if (step.do === "children") {
        step.jobs.forEach((child, at) => {
          const below = (results[step.key] as readonly unknown[])[at];
          if (typeof below === "object") check(child, below as Ended["results"]);
        });
      }
      if (step.do !== "question") continue;
      const known = questions.get(step.id);
      const say = (what: string): void => void wrong.push(`${job.name} ${step.key}: ${what}`);
      if (results[step.key] !== DECISION) say(`was told ${results[step.key]}`);
      if (known?.state !== "decided") say(`went on, where its keeper says ${known?.state}`);
      if (known?.isLate) say("was let go though it had its decision");
    }
  };
  const jobs = new Map<string, Job>();
  for (const request of course.script.requests) {
    if (request.type === "job") everyJob(request.job, false, (job) => jobs.set(job.name, job));
  }
  for (const { ended } of course.desks.values()) {
    for (const [name, { status, results }] of Object.entries(ended)) {
      const job = jobs.get(name);
      if (job && status === "completed") check(job, results);
    }
  }
}
