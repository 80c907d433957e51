// Which server carries the front door: uWebSockets.js where its binary loads, else node:http.

import { loadNativeListen } from "./listen.ts";
import type { Listen } from "./server.ts";

/** The best `listen` of this machine and its name for the start banner and the metrics. */
export async function chooseListen(
  headerBytesMax: number,
  transport: "auto" | "node" = "auto",
): Promise<{ readonly listen: Listen; readonly name: "uwebsockets" | "node" }> {
  const native = transport === "auto" ? await loadNativeListen(headerBytesMax) : null;
  if (native !== null) return { listen: native, name: "uwebsockets" };
  const { listenOnNode } = await import("./listen-node.ts");
  return { listen: listenOnNode, name: "node" };
}
