// What the revisions before 2026-07-28 need that span two requests: a cancel of a call, and the answer
// to what a call has asked its client. Only what is under way is known here, so nothing has to be
// forgotten: a session is no more than an id, which says what its client can do, and outlives a restart.

import { randomUUID } from "node:crypto";

/** Of a client of an older revision. */
export interface Session {
  readonly id: string;
  /** Whether the client can ask its person something in a form. */
  readonly elicits: boolean;
  /** Tenant, key and id: no other key's requests reach what is under way here. */
  readonly scope: string;
}

/** Id of a request, as its sender has given it. */
export type RequestId = string | number;

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.([en])$/;

/** A new session's id. */
export function newSessionId(elicits: boolean): string {
  return `${randomUUID()}.${elicits ? "e" : "n"}`;
}

/** The session that an id names; null for none that was given here. */
export function sessionOf(
  id: string | undefined,
  who: { readonly tenant: string; readonly keyId: string | null },
): Session | null {
  const match = id === undefined ? null : ID.exec(id);
  if (match === null || id === undefined) return null;
  return { id, elicits: match[1] === "e", scope: JSON.stringify([who.tenant, who.keyId, id]) };
}

/** Calls under way of all sessions, by the ids of their requests. */
export class CallsUnderWay {
  readonly #cancels = new Map<string, () => void>();
  readonly #questions = new Map<string, (message: object) => void>();

  /** Notes a call until what it returns is called. */
  begin(session: Session, id: RequestId, cancel: () => void): () => void {
    return kept(this.#cancels, keyOf(session, id), cancel);
  }

  /** Notes a question to the client until what it returns is called. */
  ask(session: Session, id: RequestId, take: (message: object) => void): () => void {
    return kept(this.#questions, keyOf(session, id), take);
  }

  /** Stops a call; one that has ended, or is of another session, is left alone. */
  cancel(session: Session, id: RequestId): void {
    this.#cancels.get(keyOf(session, id))?.();
  }

  /** Hands an answer to who has asked; without anybody it is dropped. */
  answer(session: Session, id: RequestId, message: object): void {
    this.#questions.get(keyOf(session, id))?.(message);
  }

  /** Calls and questions. */
  get size(): number {
    return this.#cancels.size + this.#questions.size;
  }
}

function keyOf({ scope }: Session, id: RequestId): string {
  return `${scope}${JSON.stringify(id)}`;
}

function kept<T>(map: Map<string, T>, key: string, value: T): () => void {
  map.set(key, value);
  return () => {
    // A client that gives an id twice has replaced the first one.
    if (map.get(key) === value) map.delete(key);
  };
}
