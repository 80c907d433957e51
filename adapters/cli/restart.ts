// `troupe restart`: has the server that has the data folder open start its successor and hand over to it.

import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { RuntimeError } from "../../runtime/errors.ts";
import { ownerOf } from "../../runtime/store/folder.ts";
import { loadConfig } from "../config.ts";
import { readSmall, writeSmall } from "../data-folder.ts";
import { RESTART_FILE, type RestartState } from "../restart/state.ts";

/** Longest that is waited for it, ms. */
const WAIT_MS = 60_000;
const LOOK_MS = 50;

/** Restarts; exit code 1 when the server that was there goes on, or there is none. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const options = { data: { type: "string" } } as const;
    const { values } = parseArgs({ args: [...args], options });
    const data = values.data === undefined ? (await loadConfig()).data : resolve(values.data);
    const owner = ownerOf(data);
    if (owner === null) {
      throw new RuntimeError("NOT_FOUND", `No server has ${data} open; start one: troupe start`);
    }
    await writeSmall(data, RESTART_FILE, JSON.stringify({ state: "asked" }));
    process.kill(owner.pid, "SIGUSR2");
    const { pid, ms } = await done(data, owner.pid);
    console.log(`Process ${pid} has taken over from ${owner.pid} in ${ms} ms.`);
    return 0;
  } catch (error) {
    console.error(`troupe restart: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

/** @throws CANCELLED when the server goes on as it was, with the reason. */
async function done(data: string, asked: number): Promise<RestartState & { state: "done" }> {
  const untilMs = performance.now() + WAIT_MS;
  while (performance.now() < untilMs) {
    await pause(LOOK_MS);
    const state = JSON.parse((await readSmall(data, RESTART_FILE)) ?? "{}") as RestartState;
    if (state.state === "done") return state;
    if (state.state === "failed") {
      throw new RuntimeError("CANCELLED", `process ${asked} goes on as it was. ${state.error}`);
    }
  }
  const text = `process ${asked} has not handed over within ${WAIT_MS} ms; its log says why`;
  throw new RuntimeError("DEADLINE", text);
}
