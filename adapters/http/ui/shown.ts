// The frames of a run as one connection of a UI protocol shows them: what the reader of answers tells, and
// an end of its own where the run waits for a person, since these protocols end a stream there and begin
// another with the decision. That one reads the run from its start and shows what is behind the place
// where the earlier one ended: the first of the questions that were decided.

import type { Approval } from "../../../actors/records/approval.ts";
import type { ChatEvent } from "../../../actors/records/conversation.ts";
import { type Frame, isAside } from "../../../runtime/frame.ts";
import { createAnswerReader, type Told } from "../answer-reader.ts";
import type { Answering } from "../services/answering.ts";
import type { Services } from "../services/services.ts";

/** What is shown of a run. */
export type Shown =
  | Told
  /** It cannot go on before these are decided. Nothing follows on this connection. */
  | { readonly type: "interrupted"; readonly approvals: readonly Approval[] };

/** One thing to show. */
export interface ShownItem {
  readonly shown: Shown;
  /** False: an earlier connection has shown it, and it says only where this one stands. */
  readonly isNew: boolean;
}

/** A question is decided by a program, or told to the client, within so long, ms. */
const DECIDED_WITHIN_MS = 500;
/** Questions that an interrupt names at most; the others are asked when these are decided. */
const APPROVALS_MAX = 100;

const NONE: ReadonlySet<string> = new Set();

interface State {
  /** Ids of questions that nobody has decided, as the frames say. */
  readonly open: Set<string>;
  isNew: boolean;
  /** What came behind an open question: shown when that is decided soon, else by the next connection. */
  held: ShownItem[];
}

/** What to read. */
export interface Reading {
  readonly tenant: string;
  readonly answering: Answering;
  /** Ids of the approvals that were decided to get here; none: it is read from its start. */
  readonly decided: ReadonlySet<string>;
  /** Those of them that others have to agree to: it ends with them open. Default: none. */
  readonly open?: ReadonlySet<string>;
}

/** Reads a run to its end, or to an interrupt. @throws what following it throws. */
export async function* shownOf(
  services: Pick<Services, "approvals">,
  { tenant, answering, decided, open = NONE }: Reading,
): AsyncGenerator<readonly ShownItem[]> {
  const reader = createAnswerReader();
  const state: State = { open: new Set(), isNew: decided.size === 0, held: [] };
  const batches = answering.frames[Symbol.asyncIterator]();
  let over: Timer | null = null;
  let coming = batches.next();
  try {
    for (;;) {
      const next = await (over === null ? coming : Promise.race([coming, over.promise]));
      if (next === "over") {
        over?.clear();
        over = null;
        const pending = await pendingOf(services, tenant, answering.accepted.run);
        if (pending.length === 0) {
          // Decided a moment ago, or nobody can decide any more: the run goes on.
          state.open.clear();
          yield release(state);
          continue;
        }
        answering.letGo();
        const asked = state.held.filter(isQuestion);
        yield [...asked, { shown: { type: "interrupted", approvals: pending }, isNew: true }];
        return;
      }
      if (next.done) return;
      coming = batches.next();
      const items = next.value.flatMap((frame) =>
        itemsOf(frame, reader.take(frame), { decided, open }, state),
      );
      const restart = items.findIndex(({ shown }) => shown.type === "restarted");
      if (restart !== -1) {
        // Its client comes back for the text from its start: until then the run is left to itself.
        answering.letGo();
        yield items.slice(0, restart + 1);
        return;
      }
      if (items.length > 0) yield items;
      if (state.open.size === 0 || !state.isNew) {
        over?.clear();
        over = null;
      } else over ??= timer();
    }
  } finally {
    over?.clear();
    await batches.return?.();
  }
}

/** What a frame shows now, in order. */
function itemsOf(
  frame: Frame,
  read: Told | null,
  { decided, open }: { readonly decided: ReadonlySet<string>; readonly open: ReadonlySet<string> },
  state: State,
): readonly ShownItem[] {
  const told = read ?? asideOf(frame);
  if (told === null) return [];
  const isLast = told.type === "end" || told.type === "failed" || told.type === "restarted";
  const event = told.type === "event" ? told.event : null;
  if (event?.type === "approval_decided") state.open.delete(event.id);
  if (isLast) state.open.clear();
  const isDecided = event?.type === "approval_requested" && decided.has(event.id);
  const item = { shown: told, isNew: (state.isNew && !isDecided) || isLast };
  const wasOpen = state.isNew && state.open.size > 0;
  if (isDecided) state.isNew = true;
  if (event?.type === "approval_requested" && (!isDecided || open.has(event.id))) {
    state.open.add(event.id);
  }
  if (!wasOpen) return [...release(state), item];
  state.held.push(item);
  return [];
}

function release(state: State): readonly ShownItem[] {
  return state.held.splice(0);
}

/** What members of a team ask is asked of the client too, though what they say is no part of the answer. */
function asideOf(frame: Frame): Told | null {
  if (frame.type !== "event" || !isAside(frame.run)) return null;
  const event = frame.event as ChatEvent;
  const isAsked = event.type === "approval_requested" || event.type === "approval_decided";
  return isAsked ? { type: "event", event } : null;
}

function isQuestion({ shown, isNew }: ShownItem): boolean {
  return isNew && shown.type === "event" && shown.event.type === "approval_requested";
}

async function pendingOf(
  { approvals }: Pick<Services, "approvals">,
  tenant: string,
  run: string,
): Promise<readonly Approval[]> {
  const filter = { status: "pending", agent: null, tool: null, run } as const;
  return (await approvals.list(tenant, { limit: APPROVALS_MAX }, filter)).items;
}

interface Timer {
  readonly promise: Promise<"over">;
  clear(): void;
}

function timer(): Timer {
  let handle: NodeJS.Timeout | undefined;
  const promise = new Promise<"over">((resolve) => {
    handle = setTimeout(() => resolve("over"), DECIDED_WITHIN_MS);
  });
  return { promise, clear: () => clearTimeout(handle) };
}
