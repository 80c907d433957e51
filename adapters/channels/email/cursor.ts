// How far a mailbox has been read: stored by the server together with what was read.

import type { ChannelData } from "../../../actors/channels/inbound.ts";

/** Everything up to `lastUid` has been taken in. */
export interface Cursor {
  readonly mailbox: string;
  /** UIDs mean something only under the number under which they were given (RFC 3501 2.3.1.1). */
  readonly uidValidity: string;
  readonly lastUid: number;
  /** When the account began to watch: older mail is never answered. */
  readonly sinceMs: number;
  /** The mail that is about to be claimed, or was last: `<uidValidity>.<uid>`. */
  readonly claiming?: string;
  /** The other server that takes the mails here, by its last claim. */
  readonly holder?: string;
}

/** Of a mail that is claimed. */
export const mailKey = (uidValidity: string, uid: number): string => `${uidValidity}.${uid}`;

/** A stored cursor; null for none, and for one of another folder. */
export function cursorOf(stored: ChannelData | null, mailbox: string): Cursor | null {
  if (stored === null || stored["mailbox"] !== mailbox) return null;
  const { uidValidity, lastUid, sinceMs, claiming, holder } = stored;
  if (typeof uidValidity !== "string" || !Number.isSafeInteger(lastUid)) return null;
  const since = typeof sinceMs === "number" && Number.isFinite(sinceMs) ? sinceMs : 0;
  return {
    ...{ mailbox, uidValidity, lastUid: Number(lastUid), sinceMs: since },
    ...(typeof claiming === "string" && { claiming }),
    ...(typeof holder === "string" && { holder }),
  };
}
