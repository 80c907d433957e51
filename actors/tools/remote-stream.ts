// What an agent elsewhere says while its task is under way: events of A2A as server-sent ones, and the text
// of its answer as far as it has come. A preview: what the task has at its end is the truth. Pure.

import { isOpen, type Json, listOf, objectOf, textOf } from "./remote-wire.ts";

/** Characters of one event that are kept until its end; a longer one is not read. */
const EVENT_CHARS_MAX = 1_000_000;

/** A stream as it is read. */
export interface RemoteStream {
  /** The next piece of the body. */
  push(piece: string): void;
}

/** Who follows it. */
export interface RemoteListener {
  /** The answer so far, whenever there is more of it. */
  said(whole: string): void;
  /** The task goes on no more by itself: the stream may stay open all the same. */
  over(): void;
}

/** Reads one. */
export function createRemoteStream(listener: RemoteListener): RemoteStream {
  const artifacts = new Map<string, string>();
  let held = "";
  const take = (event: Json): void => {
    const task = objectOf(event["task"]);
    for (const one of listOf(task["artifacts"])) artifacts.set(idOf(one), textOf(one));
    if (event["artifactUpdate"] !== undefined) {
      const { artifact: given, append } = objectOf(event["artifactUpdate"]);
      const artifact = { artifactId: "", ...objectOf(given) };
      const before = append === true ? (artifacts.get(idOf(artifact)) ?? "") : "";
      artifacts.set(idOf(artifact), before + textOf(artifact));
    }
    listener.said([...artifacts.values()].join("\n"));
    const status = objectOf(task["status"] ?? objectOf(event["statusUpdate"])["status"]);
    const state = String(status["state"] ?? "").replace(/^TASK_STATE_/, "");
    if (state !== "" && !isOpen(state)) listener.over();
  };
  return {
    push(piece) {
      held = (held + piece).replaceAll("\r\n", "\n");
      for (let end = held.indexOf("\n\n"); end !== -1; end = held.indexOf("\n\n")) {
        const event = eventOf(held.slice(0, end));
        held = held.slice(end + 2);
        if (event !== null) take(event);
      }
      if (held.length > EVENT_CHARS_MAX) held = "";
    },
  };
}

/** Its data, out of JSON-RPC where it is in that; null for what is none. */
function eventOf(block: string): Json | null {
  const lines = block.split("\n").filter((line) => line.startsWith("data:"));
  const data = lines.map((line) => line.slice("data:".length).trimStart()).join("\n");
  try {
    const event = objectOf(JSON.parse(data));
    return "result" in event ? objectOf(event["result"]) : event;
  } catch {
    return null;
  }
}

const idOf = (artifact: Json): string => String(artifact["artifactId"] ?? "");
