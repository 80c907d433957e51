// Lists of who is heard and who is not, by the platform's ids alone and character by character: a name, a
// look-alike, another spelling of an address is another sender.

import type { Inbound } from "../../../actors/channels/inbound.ts";
import { isPlatforms, type Middleware } from "./middleware.ts";

/** Lets through whom the lists let through. */
export const senders: Middleware = (event, { settings: { allow, deny } }, next) => {
  if ((allow === undefined && deny === undefined) || isPlatforms(event)) return next(event);
  const ids = idsOf(event);
  if (deny !== undefined && ids.some((id) => deny.includes(id))) return { drop: "denied" };
  if (allow === undefined) return next(event);
  // An id that the platform does not vouch for may be anybody's.
  const isAllowed = event.sender.isVerified && ids.some((id) => allow.includes(id));
  return isAllowed ? next(event) : { drop: "not_allowed" };
};

/** Ids of who has written, the one that the session has known them by included. */
function idsOf({ sender, place }: Inbound): readonly string[] {
  const { id, aliases = [] } = sender;
  return place.user === undefined ? [id, ...aliases] : [id, ...aliases, place.user];
}
