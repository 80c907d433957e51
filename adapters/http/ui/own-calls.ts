// The agent's own calls of tools under the ids that clients are told. Providers number calls as they like,
// and these protocols find a call by its id among all messages of a thread: so an id names the run too. A
// caller's own tools keep the ids that the model gave them, since its results come back by those.

import type { ChatEvent } from "../../../actors/records/conversation.ts";

/** Ids of the agent's own calls begin so. */
const OWN = "own-";

/** One of the agent's own calls. */
export interface OwnCall {
  /** As the client is told. */
  readonly id: string;
  readonly name: string;
  readonly arguments: unknown;
}

type Event<T extends ChatEvent["type"]> = Extract<ChatEvent, { type: T }>;

interface Open extends OwnCall {
  /** As the model named it; null for a question that no call of a tool has led to. */
  readonly given: string | null;
  approval: string | null;
  isRejected: boolean;
}

/** What came of a call. */
export interface EndedCall extends OwnCall {
  readonly isRejected: boolean;
}

/** The calls of one run. */
export class OwnCalls {
  readonly #run: string;
  readonly #open = new Set<Open>();
  #count = 0;

  constructor(run: string) {
    this.#run = run;
  }

  /** Calls without a result. */
  get openCount(): number {
    return this.#open.size;
  }

  began({ id, name, arguments: given }: Event<"tool_call">): OwnCall {
    return this.#add({ given: id, name, arguments: given });
  }

  /** Undefined for a result of a call that was not told. */
  ended({ id, name }: Event<"tool_result">): EndedCall | undefined {
    const call = this.#find((one) => one.given === id && one.name === name);
    if (call !== undefined) this.#open.delete(call);
    return call;
  }

  /** The call that a question is about. `isNew`: nothing was told of it, as no tool is called. */
  asked({ id, tool, arguments: given }: Event<"approval_requested">): {
    readonly call: OwnCall;
    readonly isNew: boolean;
  } {
    const known = this.#find((one) => one.name === tool && one.approval === null);
    const call = known ?? this.#add({ given: null, name: tool, arguments: given });
    call.approval = id;
    return { call, isNew: known === undefined };
  }

  /** The call that has ended with the decision: one that has no result of its own. */
  decided({ id, decision }: Event<"approval_decided">): EndedCall | undefined {
    const call = this.#find((one) => one.approval === id);
    if (call === undefined) return undefined;
    call.isRejected = decision === "reject";
    if (call.given !== null) return undefined;
    this.#open.delete(call);
    return call;
  }

  /** The call that an approval is about. */
  ofApproval(approval: string): OwnCall | undefined {
    return this.#find((one) => one.approval === approval);
  }

  #add(call: Pick<Open, "given" | "name" | "arguments">): Open {
    this.#count += 1;
    const id = `${OWN}${this.#run}-${this.#count}`;
    const open = { ...call, id, approval: null, isRejected: false };
    this.#open.add(open);
    return open;
  }

  #find(fits: (call: Open) => boolean): Open | undefined {
    return [...this.#open].find(fits);
  }
}

/** Whether a call that a client sends back was one of the agent's own. */
export function isOwnCall(id: string): boolean {
  return id.startsWith(OWN);
}
