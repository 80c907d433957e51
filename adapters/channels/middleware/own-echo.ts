// What nobody has written, or we ourselves, is never answered: two machines that answer each other's
// automatic answers never end.

import { isPlatforms, type Middleware } from "./middleware.ts";

/** Drops our own echo and what is automatic. */
export const ownEcho: Middleware = (event, _context, next) => {
  if (isPlatforms(event)) return next(event);
  if (event.sender.isSelf) return { drop: "self" };
  if (event.sender.isAutomatic) return { drop: "automatic" };
  return next(event);
};
