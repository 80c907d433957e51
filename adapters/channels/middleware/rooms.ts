// In a room of several, what is not meant for us is not ours: only a message that names us is taken,
// unless the channel is to answer everything there.

import type { Middleware } from "./middleware.ts";

/** Drops what is said to others. */
export const rooms: Middleware = (event, { settings }, next) => {
  const isOthers =
    event.kind === "message" &&
    !event.place.isDirect &&
    settings.rooms !== "all" &&
    event.isMention !== true;
  return isOthers ? { drop: "not_mentioned" } : next(event);
};
