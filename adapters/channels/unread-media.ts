/** Media that have no text an agent could read, nor are seen: what stands before the slash of their types. */
export const unreadMedia: readonly string[] = ["audio", "video", "font"];
