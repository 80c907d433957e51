// What must hold of every course, whatever broke: nothing acknowledged is lost, nothing is done
// twice, and the evidence of actors, callers and the other side agrees.

import { type Address, addressParts } from "../../../runtime/address.ts";
import { decode, decodeCounter } from "../../../runtime/store/codec.ts";
import { keys } from "../../../runtime/store/keys.ts";
import type { DeadLetter } from "../../../runtime/system.ts";
import type { NodeState } from "./cast.ts";
import { checkJobs } from "./oracle-jobs.ts";
import { checkKeepers } from "./oracle-keepers.ts";
import { ALWAYS, badId, everyJob, MONEY, type Request } from "./script.ts";
import type { Course } from "./simulate.ts";

/** Everything that is wrong with a course; [] when every promise was kept. */
export function violations(course: Course): readonly string[] {
  const wrong: string[] = [...course.stuck, ...course.told.wrong];
  if (!course.struck.some(({ type }) => type === "power")) wrong.push(...course.told.shown);
  checkNodes(course, wrong);
  checkMessages(course, wrong);
  checkDeadLetters(course, wrong);
  checkJobs(course, wrong);
  checkKeepers(course, wrong);
  checkRows(course, wrong);
  return wrong;
}

/** What must be the same in a course with faults and the one of the same seed without. */
export function lasting(course: Course): unknown {
  const optional = optionalIds(course);
  const logs = [...course.nodes].map(([node, { log }]) => [
    node,
    // The number that a passing node gave depends on the order of what it took.
    log
      // Reminders of one name replace each other in the order in which they arrive.
      .filter((id) => !optional.has(id.split(" ")[0] ?? "") && !id.startsWith("due~"))
      .map(withoutNumber)
      .sort(),
  ]);
  const ends = [...course.desks].flatMap(([desk, { ended }]) =>
    Object.entries(ended)
      .filter(([name]) => !optional.has(name))
      .map(([name, { status }]) => `${desk} ${name} ${status}`),
  );
  return { logs: logs.filter(([, log]) => log?.length !== 0), ends: ends.sort() };
}

function withoutNumber(id: string): string {
  const [head = "", second = "", ...rest] = id.split(" ");
  return rest.length === 0 ? id : [head, second.replace(/^\d+$/, "*"), ...rest].join(" ");
}

/** What may or may not have come about, depending on when what happened. */
function optionalIds({ script }: Course): ReadonlySet<string> {
  const optional = new Set<string>();
  for (const request of script.requests) {
    if (request.type === "tell" || request.type === "send") optional.add(request.id);
    if (request.type === "ask" && request.message.type === "spend") optional.add(request.id);
    if (request.type !== "job") continue;
    const isCut = request.cancelAfterMs !== undefined;
    everyJob(request.job, isCut, (job, mayBeCut) => {
      if (!mayBeCut) return;
      optional.add(job.name);
      for (const step of job.steps) if ("id" in step) optional.add(step.id);
    });
  }
  return optional;
}

function checkNodes({ nodes, rows }: Course, wrong: string[]): void {
  const byKey = new Map(rows.map((row) => [row.key, row.value]));
  const applied = new Map<string, number>();
  const money = new Map<string, number>();
  for (const [node, state] of nodes) {
    const { tenant } = addressParts(node);
    for (const what of state.wrong) wrong.push(`${node}: ${what}`);
    if (new Set(state.log).size !== state.log.length) {
      const twice = state.log.filter((id, at) => state.log.indexOf(id) !== at);
      wrong.push(`${node} took twice: ${twice.join(", ")}`);
    }
    const prefix = keys.recordOf(node);
    const records = rows.filter(({ key }) => key.startsWith(prefix));
    const kept = records.map(({ value }) => decode(value));
    if (JSON.stringify(kept) !== JSON.stringify(state.log)) {
      wrong.push(`${node} has ${kept.length} records for ${state.log.length} messages`);
    }
    applied.set(tenant, (applied.get(tenant) ?? 0) + state.log.length);
    for (const [receiver, given] of Object.entries(state.given)) {
      const got = nodes.get(receiver)?.got[node] ?? 0;
      if (got !== given) wrong.push(`${receiver} got ${got} of the ${given} messages of ${node}`);
    }
    checkReminders(node, state, wrong);
  }
  for (const [tenant, count] of applied) {
    const counted = decodeCounter(byKey.get(keys.counter(tenant, "applied")));
    if (counted !== count) wrong.push(`${tenant} counts ${counted} turns where ${count} were done`);
    money.set(tenant, decodeCounter(byKey.get(keys.counter(tenant, "money"))));
  }
  for (const [tenant, left] of money) {
    if (left < -MONEY) wrong.push(`${tenant} spent ${-left} of ${MONEY}`);
  }
}

/** Replays the log of a node: which reminder stands under each name after each message. */
function checkReminders(node: Address, { log }: NodeState, wrong: string[]): void {
  const set = new Map<string, string>();
  for (const id of log) {
    const [head = "", name = "", what = ""] = id.split("~");
    if (what === "") continue;
    if (head === "later") set.set(name, what);
    if (head === "forget") set.delete(name);
    if (head !== "due") continue;
    if (set.get(name) !== what) wrong.push(`${node}: ${id} fired where ${set.get(name)} is set`);
    set.delete(name);
  }
  for (const [name, what] of set) wrong.push(`${node}: reminder ${name} of ${what} never fired`);
}

function checkMessages(course: Course, wrong: string[]): void {
  const { script, told, nodes } = course;
  const logOf = (node: Address): readonly string[] => nodes.get(node)?.log ?? [];
  const counts = new Map<string, number>();
  for (const { log } of nodes.values()) {
    for (const id of log) {
      const head = id.split(" ")[0] ?? "";
      counts.set(head, (counts.get(head) ?? 0) + 1);
    }
  }
  let spent = 0;
  for (const request of script.requests) {
    if (request.type === "job") continue;
    const { id, to } = request;
    const at = logOf(to).indexOf(id) + 1;
    if (request.type !== "ask") {
      if (told.stored.has(id) && at === 0) wrong.push(`${id} was acknowledged and is not there`);
      continue;
    }
    const refusal = told.refusals.get(id);
    if (refusal !== undefined) {
      checkRefusal(request, refusal, at > 0, wrong);
      continue;
    }
    const { message } = request;
    const reply = told.replies.get(id) as { n: number } | undefined;
    if (reply?.n !== at) wrong.push(`${id} was answered ${reply?.n} and is number ${at} of ${to}`);
    if (message.type === "spend") spent += message.amount;
    if (message.type !== "pass") continue;
    const passed = (counts.get(id) ?? 0) - 1;
    if (passed !== message.to.length) {
      wrong.push(`${id} was passed on ${passed} times, not ${message.to.length}`);
    }
  }
  const left = ["tn_1", "tn_2"].map((tenant) => counterOf(course, keys.counter(tenant, "money")));
  const sum = left.reduce((a, b) => a + b, 0);
  if (sum !== -spent) wrong.push(`the money says ${sum} where ${spent} was spent`);
}

function checkRefusal(
  { id, message }: Request & { type: "ask" },
  refusal: string,
  isThere: boolean,
  wrong: string[],
): void {
  const isPoison = "fails" in message && message.fails === ALWAYS;
  const expected = isPoison ? "DEAD_LETTER" : message.type === "spend" ? "BALANCE_EXHAUSTED" : "";
  if (refusal !== expected) wrong.push(`${id} was refused with ${refusal}`);
  if (isThere) wrong.push(`${id} was refused and is there`);
}

function checkDeadLetters(course: Course, wrong: string[]): void {
  const { script, told, rows, nodes, struck } = course;
  const letters = new Map<string, number>();
  for (const { key, value } of rows) {
    if (!key.startsWith("x/")) continue;
    const letter = decode(value) as DeadLetter;
    const { error } = letter;
    const message = letter.message as { id?: string };
    const id = message.id ?? JSON.stringify(message);
    if (error.code === "DEADLINE" && isLateAsk(course, letter)) continue;
    if (!/on purpose/.test(JSON.stringify(error))) {
      wrong.push(`${id} is a dead letter: ${JSON.stringify(error)}`);
    }
    letters.set(id, (letters.get(id) ?? 0) + 1);
  }
  const isThere = new Set([...nodes.values()].flatMap(({ log }) => log));
  for (const request of script.requests) {
    if (request.type !== "ask") continue;
    const { id, message } = request;
    if ("fails" in message && message.fails === ALWAYS) {
      const count = letters.get(id) ?? 0;
      letters.delete(id);
      const isTold = told.refusals.get(id) === "DEAD_LETTER";
      // A caller that was cut off asks again, and it fails again.
      if (count < (isTold ? 1 : 0) || (struck.length === 0 && count > 1)) {
        wrong.push(`${id} is ${count} dead letters`);
      }
    }
    if (message.type !== "pass" || message.bad === undefined) continue;
    const count = letters.get(badId(id)) ?? 0;
    letters.delete(badId(id));
    const due = isThere.has(id) ? 1 : 0;
    if (count !== due) wrong.push(`${badId(id)} is ${count} dead letters, not ${due}`);
  }
  for (const id of letters.keys()) wrong.push(`${id} is a dead letter`);
}

/**
 * Whether a run had asked in time and was over, by the clock, when the turn of what it asked came: an
 * ask ends with its run at the latest, and an expired message is set aside unhandled.
 */
function isLateAsk({ world }: Course, { ask, at }: DeadLetter): boolean {
  const run = ask?.run.slice(ask.run.lastIndexOf("/") + 1) ?? "";
  const deadlineMs = world.runs.get(run)?.deadlineMs ?? Number.POSITIVE_INFINITY;
  const begunMs = world.begunMs.get(`${run}|${ask?.step}`) ?? Number.POSITIVE_INFINITY;
  return begunMs < deadlineMs && deadlineMs < at;
}

function checkRows({ rows, changed }: Course, wrong: string[]): void {
  for (const { key } of rows) if (/^[iodm]\//.test(key)) wrong.push(`row ${key} is left over`);
  for (const key of changed) wrong.push(`row ${key} changed after a restart at rest`);
}

function counterOf({ rows }: Course, key: string): number {
  return decodeCounter(rows.find((row) => row.key === key)?.value);
}
