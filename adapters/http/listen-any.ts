// Which server carries the front door: uWebSockets.js where its binary loads, else node:http.

import { loadNativeListen } from "./listen.ts";
import { listenOnNode } from "./listen-node.ts";
import type { Listen } from "./server.ts";

/** The best `listen` of this machine and its name for the start banner and the metrics. */
export async function chooseListen(
  headerBytesMax: number,
  transport: "auto" | "node" = "auto",
): Promise<{ readonly listen: Listen; readonly name: "uwebsockets" | "node" }> {
  const native = transport === "auto" ? await loadNativeListen(headerBytesMax) : null;
  return native === null
    ? { listen: listenOnNode, name: "node" }
    : { listen: native, name: "uwebsockets" };
}
