// Chats at a fixed pace on one connection each, as people send them who do not wait for each other.

import { quantile } from "../question.ts";
import { Connection } from "./client.ts";
import { doubtfulMessage, marked, requestBytes, type Target } from "./target.ts";

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let chats = 0;

/** The next chat, as bytes. */
export function nextChat(target: Target): Buffer {
  chats += 1;
  return requestBytes(target, target.body(`t${chats}`, marked(doubtfulMessage), false));
}

/** How fast and how long. */
export interface Pace {
  readonly perSecond: number;
  readonly seconds: number;
}

/** p99 in ms of the chats of all targets, a connection each, that begin one after the other. */
export async function pacedP99(targets: readonly Target[], pace: Pace): Promise<number> {
  return p99Of(await pacedChats(targets, pace));
}

/** Latencies in ms of the chats of all targets, a connection each. */
export async function pacedChats(targets: readonly Target[], pace: Pace): Promise<number[]> {
  const all = await Promise.all(
    targets.map((target, at) => paced(target, pace, at / targets.length)),
  );
  return all.flat();
}

export function p99Of(latencies: readonly number[]): number {
  return quantile(Float64Array.from(latencies).sort(), 0.99);
}

/** Latencies in ms. `phase`: where in the pause between two chats it begins. */
async function paced(
  target: Target,
  { perSecond, seconds }: Pace,
  phase: number,
): Promise<number[]> {
  const latencyMs: number[] = [];
  await wait((phase * 1_000) / perSecond);
  const connection = new Connection({ port: target.port });
  await connection.open();
  for (let at = 0; at < seconds * perSecond; at += 1) {
    const [{ status, latencyUs }] = await Promise.all([
      connection.send(nextChat(target)),
      wait(1_000 / perSecond),
    ]);
    if (status !== 200) throw new Error(`A chat was answered ${status}.`);
    latencyMs.push(latencyUs / 1_000);
  }
  connection.close();
  return latencyMs;
}
