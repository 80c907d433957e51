// Ids of the Responses protocol are those of runs in other words, so that each can be followed:
// `resp_X` is answered by the run `rn_X`, its message is `msg_X`, its n-th call `fc_X_n`, and what was
// sent to it as n-th item `msg_X_in_n`.

const RUN = /^rn_([0-9a-z]{26})$/;
const RESPONSE = /^resp_([0-9a-z]{26})$/;
const ITEM = /^(?:msg|fc|fco)_([0-9a-z]{26})(?:_(in_)?(\d{1,4}))?$/;

/** Id of the response that a run answers. */
export function responseIdOf(run: string): string {
  return `resp_${keyOf(run)}`;
}

/** The run that answers a response; null for what is no id of one. */
export function runOfResponse(id: string): string | null {
  const [, key] = RESPONSE.exec(id) ?? [];
  return key === undefined ? null : `rn_${key}`;
}

/** Id of the message that a run writes. */
export function messageIdOf(run: string): string {
  return `msg_${keyOf(run)}`;
}

/** Id of the n-th call of a caller's tool, from 0. */
export function callIdOf(run: string, at: number): string {
  return `fc_${keyOf(run)}_${at}`;
}

/** Id of the n-th item that was sent, from 0. */
export function inputIdOf(run: string, at: number, type: unknown): string {
  const prefix = type === "function_call" ? "fc" : type === "function_call_output" ? "fco" : "msg";
  return `${prefix}_${keyOf(run)}_in_${at}`;
}

/** Where an item is; null for what is no id of one. */
export function placeOfItem(id: string): {
  readonly run: string;
  readonly part: "input" | "call" | "message";
  readonly at: number;
} | null {
  const match = ITEM.exec(id);
  if (match === null) return null;
  const [, key = "", input, at] = match;
  const part = input !== undefined ? "input" : at === undefined ? "message" : "call";
  return { run: `rn_${key}`, part, at: Number(at ?? 0) };
}

function keyOf(run: string): string {
  return RUN.exec(run)?.[1] ?? run;
}
