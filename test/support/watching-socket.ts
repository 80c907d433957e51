// A WebSocket with a chat that is under way, and one more subscription to its run.

import { expect } from "vitest";
import { WebSocket } from "ws";
import type { Json } from "./wire-client.ts";

/** What came over it. */
export interface WatchingSocket {
  readonly socket: WebSocket;
  /** Names of the subscriptions: that of the chat, and the one that follows its run. */
  readonly subs: readonly [chat: string, follow: string];
  eventsOf(sub: string): readonly Json[];
  /** Codes of errors of both. */
  errors(): readonly (readonly string[])[];
}

const WITHIN = { timeout: 20_000 };

/** Opens one. */
export async function watching(url: string, key: string, agent: string): Promise<WatchingSocket> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/ws`, {
    headers: { "X-API-Key": key },
  });
  const frames: Json[] = [];
  socket.on("message", (data) => frames.push(JSON.parse(String(data))));
  await new Promise((resolve) => socket.once("open", resolve));
  const ask = async (id: string, method: string, params: Json): Promise<Json> => {
    socket.send(JSON.stringify({ type: "req", id, method, params }));
    const answered = () => frames.find((frame) => frame["id"] === id);
    await expect.poll(answered, WITHIN).toBeDefined();
    return answered()?.["data"];
  };
  const chat = await ask("1", "chat", { agent_key: agent, message: "Hi." });
  const follow = await ask("2", "subscribe", { run_id: chat["run_id"] });
  const subs = [chat["sub"], follow["sub"]] as const;
  const eventsOf = (sub: string) => frames.filter((frame) => frame["sub"] === sub);
  const errorsOf = (sub: string) =>
    eventsOf(sub).flatMap(({ event, data }) => (event === "error" ? [data.code] : []));
  return { socket, subs, eventsOf, errors: () => subs.map(errorsOf) };
}
