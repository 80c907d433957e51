// What the server says of itself to whoever looks after it: answered by a door of its own at any time, so that
// nobody ends a process that is only busy.

import { json } from "./reply.ts";
import type { HttpResponse } from "./server.ts";

/** Headers of what is no page. */
export const safeHeaders = {
  "X-Content-Type-Options": "nosniff",
  "Cache-Control": "no-store",
} as const;

/** Whether that is asked. */
export function isHealth(path: string, method: string): boolean {
  const isPath = path === "/health" || path === "/health/live" || path === "/health/ready";
  return isPath && (method === "GET" || method === "HEAD");
}

/** The answer: 200, and 503 to `/health/ready` where requests are not answered. */
export function healthReply(path: string, word: "ok" | "stopping" | "starting"): HttpResponse {
  const ready = word === "ok";
  const status = path === "/health/ready" && !ready ? 503 : 200;
  return json(status, { status: word, live: true, ready }, safeHeaders);
}
