// Where a session of the Gateway is: what it needs to go on from there.

import type { ChannelData } from "../../../actors/channels/inbound.ts";
import { memberOf, textIn } from "../sent-json.ts";

/** Session, the last event that was taken in, and where it goes on. */
export interface Position {
  readonly session: string;
  readonly sequence: number;
  readonly url: string;
}

/** As it is stored. */
export function positionData(position: Position): ChannelData {
  return { ...position };
}

/** Reads what was stored; null: a new session begins. */
export function positionIn(data: ChannelData | null): Position | null {
  const session = textIn(data, "session", 200);
  const url = textIn(data, "url", 1_000);
  const sequence = memberOf(data, "sequence");
  if (session === null || url === null || !URL.canParse(url)) return null;
  return typeof sequence === "number" ? { session, sequence, url } : null;
}
