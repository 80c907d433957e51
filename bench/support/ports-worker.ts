// The other end of ports-main.ts: confirms windows of bodies, and answers what has an id.

import { parentPort } from "node:worker_threads";
import { type Item, WINDOW } from "./runtime-program.ts";

type Message = Item | readonly Item[] | { readonly id: number; readonly value: number } | "begin";

let count = 0;
parentPort?.on("message", (message: Message) => {
  if (message === "begin") {
    count = 0;
  } else if ("id" in message) {
    parentPort?.postMessage({ id: message.id, value: message.value + 1 });
  } else {
    const before = count;
    count += "left" in message ? 1 : message.length;
    const isWindow = Math.floor(before / WINDOW) !== Math.floor(count / WINDOW);
    if (isWindow) parentPort?.postMessage(count);
  }
});
parentPort?.postMessage("ready");
