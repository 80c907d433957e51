// What tools say to people over channels: it is put into the outbox of whoever it is for, once however often the call is
// taken up again, and goes out with what else is said there, in order.

import type { RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { newId } from "../../runtime/id.ts";
import type { LaneMessage } from "../channels/lane.ts";
import type { MadeFile } from "../channels/outgoing.ts";
import { laneAddress, laneId, sessionAddress } from "../channels/session-key.ts";
import { sessionsTable } from "../channels/session-state.ts";
import { limits } from "../limits.ts";
import type { Ports } from "../ports.ts";

type Context = RunContext<Ports>;

/** What is said, and to whom. */
export interface Message {
  /** `ch_...` */
  readonly channel: string;
  /** A session of it (`cs_...`), or the platform's id of a person or a room. */
  readonly to: string;
  readonly text: string;
  /** Where messages have one. */
  readonly subject?: string;
  readonly made?: readonly MadeFile[];
}

/** Into the outbox of the person who speaks. @param key of the steps, unique within the run. */
export async function sayHere(
  context: Context,
  key: string,
  { session, text }: { readonly session: string; readonly text: string },
): Promise<void> {
  const message = { type: "say", outgoing: { text } };
  await context.send(`${key}:say`, sessionAddress(context.tenant, session), message);
}

/**
 * Into the outbox of somebody else. @returns id of the delivery, null for a session, which gives its own.
 * @throws NOT_FOUND, PROVIDER_UNAVAILABLE, INVALID for who cannot be written to.
 */
export async function sendTo(
  context: Context,
  key: string,
  message: Message,
): Promise<string | null> {
  const { channel, to, text } = message;
  if (!to.startsWith("cs_")) return await deliverTo(context, key, message);
  await context.step(`${key}:session`, () => checkSession(context, channel, to), {
    repeat: "safe",
    local: true,
  });
  await sayHere(context, key, { session: to, text });
  return null;
}

async function checkSession(context: Context, channel: string, session: string): Promise<null> {
  if ((await context.row(sessionsTable, `${channel}.${session}`)) !== undefined) return null;
  throw new RuntimeError("NOT_FOUND", `The channel has no session ${session.slice(0, 64)}.`);
}

async function deliverTo(context: Context, key: string, message: Message): Promise<string> {
  const { tenant, ports } = context;
  const { channel, to, text, subject, made = [] } = message;
  const reached = await context.step(
    `${key}:reach`,
    async () => {
      const createdAtMs = Date.now();
      const id = newId("dv", createdAtMs);
      const ask = { tenant, channel, to, key: id, ...(subject !== undefined && { subject }) };
      return { id, createdAtMs, ...(await ports.channels.reach(ask)) };
    },
    { repeat: "safe", timeoutMs: limits.toolMs },
  );
  const { id, createdAtMs, conversation, address, withinMs } = reached;
  const told: LaneMessage = {
    type: "deliver",
    delivery: {
      ...{ id, channel, session: null, address, conversation, outgoing: { text } },
      ...{ about: { type: "notice" }, createdAtMs, deliverByMs: createdAtMs + withinMs },
    },
    ...(made.length > 0 && { made }),
  };
  await context.send(`${key}:send`, laneAddress(tenant, laneId(channel, conversation)), told);
  return id;
}
