// An answer as it is waited for or watched: let in by the gate, its first frame read, its viewer counted.

import { setTimeout as delay } from "node:timers/promises";
import type { ChatAccepted, ChatMessage } from "../../../actors/records/conversation.ts";
import { addressParts } from "../../../runtime/address.ts";
import { fromErrorData, RuntimeError } from "../../../runtime/errors.ts";
import type { Frame } from "../../../runtime/frame.ts";
import type { RunRow, SendOptions } from "../../../runtime/system.ts";
import type { WorkGate } from "../gate/work-gate.ts";
import type { SpendLimit } from "../max-spend.ts";
import type { Caller } from "./agent-store.ts";
import { KEY_HOURS, type OnceKey } from "./once.ts";
import type { Subscribers, Subscription } from "./subscribers.ts";

/** How long an answer's head waits for a follower's first frames, ms: an error can still be a status. */
const FIRST_FRAMES_MS = 250;

/** What every way of asking has in common. */
export interface Ask {
  readonly caller: Caller;
  readonly once: OnceKey | null;
  /** Aborts when the client has gone away. */
  readonly signal: AbortSignal;
  readonly trace?: string;
  /** What its run may spend, and what tenants may have that have no limits of their own. */
  readonly limit?: SpendLimit & Pick<ChatMessage, "tenantDefaults">;
}

/** Who speaks: whom the caller names, or the one whom alone its token speaks for. @throws FORBIDDEN. */
export function speakerOf({
  user,
  caller: { boundTo },
}: Pick<Ask, "caller"> & { readonly user?: string }): { readonly user?: string } {
  if (boundTo == null) return user === undefined ? {} : { user };
  if (user === undefined || user === boundTo) return { user: boundTo };
  throw new RuntimeError("FORBIDDEN", "The token speaks for its own user, and names another one.");
}

/** An answer as it is watched. Frames are read once; stopping to read leaves the run to itself. */
export interface Attached {
  readonly accepted: ChatAccepted;
  readonly frames: AsyncIterable<readonly Frame[]>;
}

/** An answer on its way to who has asked for it. */
export interface Answering extends Attached {
  /** Ends the frames and leaves the run to itself, also one that is cancelled when its viewers go. */
  letGo(): void;
}

/** Begins an answer when the gate lets it in; it has left when the answer or its reader has ended. */
export async function inGate(
  gate: WorkGate,
  { caller, signal }: Ask,
  begin: () => Promise<Answering>,
): Promise<Answering> {
  const entering = gate.chats.enter(caller.tenant, caller.keyId ?? "", { signal });
  if (entering !== undefined) await entering;
  // Frames that nobody begins to read end with their reader, which the signal tells of.
  const leave = (): void => {
    signal.removeEventListener("abort", leave);
    if (isIn) gate.chats.leave(caller.tenant);
    isIn = false;
  };
  let isIn = true;
  signal.addEventListener("abort", leave);
  try {
    const answering = await begin();
    if (signal.aborted) leave();
    return { ...answering, frames: leaving(answering.frames, leave) };
  } catch (error) {
    leave();
    throw error;
  }
}

async function* leaving(
  frames: AsyncIterable<readonly Frame[]>,
  leave: () => void,
): AsyncGenerator<readonly Frame[]> {
  try {
    yield* frames;
  } finally {
    leave();
  }
}

/** Reads the first frame, which says whether the message was taken, and hands on the rest. */
export async function follow(
  frames: AsyncIterable<readonly Frame[]>,
  watch: {
    readonly tenant: string;
    readonly cancelOnLeave: boolean;
    readonly subscribers: Subscribers;
  },
): Promise<Answering> {
  const batches = frames[Symbol.asyncIterator]();
  const first = await batches.next();
  const [head, ...rest] = first.done ? [] : first.value;
  if (head?.type === "refused") throw fromErrorData(head.error);
  if (head?.type !== "accepted") {
    throw new RuntimeError("INTERNAL", "The first frame neither accepts nor refuses.");
  }
  const accepted = head.reply as ChatAccepted;
  const { tenant, cancelOnLeave } = watch;
  let joined: Subscription | undefined;
  const join = (): Subscription => {
    joined = watch.subscribers.join(tenant, accepted.run, cancelOnLeave);
    return joined;
  };
  const letGo = (): void => {
    joined?.leave(true);
    void batches.return?.();
  };
  return { accepted, frames: watched(withHead(rest, batches), join), letGo };
}

async function* withHead(
  head: readonly Frame[],
  batches: AsyncIterator<readonly Frame[]>,
): AsyncGenerator<readonly Frame[]> {
  try {
    if (head.length > 0) yield head;
    for (let next = await batches.next(); !next.done; next = await batches.next()) yield next.value;
  } finally {
    await batches.return?.();
  }
}

/** Hands frames on; the viewer is one from its first read to its last. */
export async function* watched(
  frames: AsyncIterable<readonly Frame[]>,
  join: () => Subscription,
): AsyncGenerator<readonly Frame[]> {
  const subscription = join();
  let hasEnded = false;
  try {
    for await (const batch of frames) {
      hasEnded ||= batch.at(-1)?.type === "end";
      yield batch;
    }
  } finally {
    subscription.leave(hasEnded);
  }
}

/** The same frames, with the first ones asked for already: what fails at once is thrown here. */
export async function peeked(
  frames: AsyncGenerator<readonly Frame[]>,
): Promise<AsyncIterable<readonly Frame[]>> {
  const first = frames.next();
  const waited = new AbortController();
  try {
    await Promise.race([first, delay(FIRST_FRAMES_MS, undefined, { signal: waited.signal })]);
  } finally {
    waited.abort();
  }
  return {
    async *[Symbol.asyncIterator]() {
      const batch = await first;
      if (batch.done) return;
      yield batch.value;
      yield* frames;
    },
  };
}

/** Under which key and trace it is sent. */
export function sendOptions(ask: Ask): SendOptions {
  const { once, trace } = ask;
  return {
    ...(trace === undefined ? {} : { trace }),
    ...(once === null
      ? {}
      : {
          key: {
            source: "http",
            key: `${ask.caller.service}\n${once.key}`,
            bodyHash: once.bodyHash,
            hours: KEY_HOURS,
            ...(once.otherwise && { otherwise: once.otherwise }),
          },
        }),
  };
}

/** A run, and what its accept said as far as its row knows. */
export interface Found {
  readonly row: RunRow;
  readonly agent: string;
  readonly accepted: ChatAccepted;
}

/** @throws NOT_FOUND where there is no row. */
export function foundRun(id: string, row: RunRow | undefined): Found {
  if (row === undefined) {
    throw new RuntimeError("NOT_FOUND", `Run ${id.slice(0, 64)} does not exist.`);
  }
  return { row, agent: agentOf(row), accepted: acceptedOf(row) };
}

function agentOf(row: RunRow): string {
  const input = row.input as { readonly agent?: unknown } | null;
  return typeof input?.agent === "string" ? input.agent : "";
}

function acceptedOf(row: RunRow): ChatAccepted {
  const { kind, root } = addressParts(row.parent);
  const input = row.input as { readonly version?: unknown } | null;
  return {
    run: row.id,
    conversation_key: kind === "conversation" ? root : null,
    message_id: "",
    agent_version: typeof input?.version === "number" ? input.version : 0,
    model: "",
  };
}
