// Which session something belongs to, and where it, its lane and its conversations are: all follow from
// the account and the place, so that two gateways that hear the same thing mean the same actor.

import { createHash } from "node:crypto";
import { type Address, address } from "../../runtime/address.ts";
import type { SessionScope } from "./channel.ts";
import type { Place } from "./inbound.ts";

/** The parts of a session's key, in words: shown to operators. */
export interface SessionKey {
  readonly channel: string;
  readonly conversation: string;
  readonly thread: string | null;
  readonly user: string | null;
}

/** In place of the channel in the key of a person who is known on several. */
export const PEOPLE = "*";

/** The key of a place. What the scope leaves out is null; who speaks directly has one session in any scope but `thread`. */
export function sessionKey(channel: string, place: Place, scope: SessionScope): SessionKey {
  const { conversation, thread = null, user = null, person } = place;
  if (scope === "user" && person !== undefined) {
    return { channel: PEOPLE, conversation: "", thread: null, user: person };
  }
  if (scope === "user" && user !== null) return { channel, conversation: "", thread: null, user };
  return { channel, conversation, thread: scope === "thread" ? thread : null, user: null };
}

/** `cs_` and the hash of the key: parts with their lengths, so that none runs into the next. */
export function sessionId({ channel, conversation, thread, user }: SessionKey): string {
  return `cs_${hashOf([channel, conversation, thread, user])}`;
}

/** Kind of the actor. */
export const SESSION_KIND = "channel-session";
/** Kind of lanes. */
export const LANE_KIND = "delivery-lane";

/** Of a session. */
export function sessionAddress(tenant: string, session: string): Address {
  return address({ kind: SESSION_KIND, tenant, root: session });
}

/** Id of the lane of a conversation at the platform: what is said there keeps its order, whoever says it. */
export function laneId(channel: string, conversation: string): string {
  return `dl_${hashOf([channel, conversation])}`;
}

/** Of a lane. */
export function laneAddress(tenant: string, lane: string): Address {
  return address({ kind: LANE_KIND, tenant, root: lane });
}

/** Key of the record that says an event has been taken in: any text, as a record's key. */
export function seenKey(dedupe: string): string {
  return `s.${hashOf([dedupe])}`;
}

function hashOf(parts: readonly (string | null)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    const bytes = Buffer.from(part ?? "", "utf8");
    hash.update(`${part === null ? "-" : bytes.length}:`).update(bytes);
  }
  return hash.digest("base64url").replaceAll(/[-_]/g, "0").slice(0, 26).toLowerCase();
}
