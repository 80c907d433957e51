// Who has written, as most platforms say it.

import type { Sender } from "../../actors/channels/inbound.ts";

/**
 * A person for whom the platform vouches: no program, not ourselves, and they have written it.
 * @param name null, "" or absent: none is known.
 */
export function personSender(id: string, name?: string | null): Sender {
  const person = { isBot: false, isSelf: false, isAutomatic: false, isVerified: true };
  return { id, ...person, ...(name && { name }) };
}
