// A restart that refuses nobody, on the side of the process that goes. It starts its successor, which
// listens beside it; then it sends every request on, gives the data folder up, and stays for as long as it
// has connections: what their clients ask for or watch comes from the successor.

import { setImmediate as nextPass, setTimeout as pause } from "node:timers/promises";
import { RuntimeError } from "../runtime/errors.ts";
import type { Log } from "../runtime/log.ts";
import type { RunningSystem } from "../runtime/pool.ts";
import { successorEnvironment } from "./config.ts";
import type { Front } from "./front.ts";
import { mayBeRepeated } from "./http/door.ts";
import { relay } from "./http/restart/relay.ts";
import type { HttpRequest, HttpResponse } from "./http/server.ts";
import type { RestartState } from "./restart/state.ts";
import { Successors } from "./restart/successors.ts";

export const handOverLimits = {
  /** From the first request that is sent on: what is under way may end meanwhile, a step is cut then, ms. */
  drainMs: 1_500,
  /** Of that, for messages whose taking is not told yet, ms. */
  acceptsMs: 300,
  /** A request that no process took is tried again for so long, and each so many ms. */
  relayMs: 20_000,
  relayAgainMs: 50,
  /** Processes that are started when one ends after the data folder was given up. */
  attempts: 3,
  /** Connections that do not end are cut after this, ms: as long as a run may take. */
  lingerMs: 600_000,
  /** Largest body that is sent on, bytes: the largest any route takes. */
  bodyBytesMax: 64 * 1024 * 1024,
} as const;

const lastOfContainer =
  "This is process 1 of a container, whose end is the container's: replace the container.";

/** Looks whether something has ended, ms. */
const LOOK_MS = 5;
const LINGER_LOOK_MS = 100;
/** So many looks in a row find nobody who waits to be told that a message was taken. */
const QUIET_LOOKS = 4;

/** What is handed over. */
export interface HandOver {
  readonly system: Pick<RunningSystem, "stop" | "isAwaitingAccepts">;
  readonly front: Pick<Front, "door" | "server">;
  readonly log: Log;
  /** Resolves when both processes are to end instead. */
  readonly stopped: Promise<void>;
  /** Resolves when the process from which this one took over has ended: it sends requests through this one. */
  readonly isLast: Promise<void>;
  /** Is told how it stands, for who has asked for it. */
  tell(state: RestartState): Promise<void>;
  /** Ends what goes on beside requests, before the system stops. */
  quiet(): Promise<void>;
}

/**
 * Hands over; resolves when this process may end.
 * @throws CANCELLED before anything was handed over: this process goes on as it was.
 */
export async function handOver(handed: HandOver): Promise<void> {
  const { system, front, log, quiet, stopped, tell } = handed;
  const { door, server } = front;
  let isStopped = false;
  let isLast = false;
  void handed.isLast.then(() => {
    isLast = true;
  });
  if (process.pid === 1) throw new RuntimeError("CANCELLED", lastOfContainer);
  let isGivingUp = false;
  const successors = new Successors({
    ...{ port: server.port, env: successorEnvironment(), log },
    attemptsMax: handOverLimits.attempts,
    onNone: () => {
      if (isGivingUp) return;
      door.goOn();
      server.unretire();
    },
  });
  void stopped.then(() => {
    isStopped = true;
    successors.terminate();
  });
  const pid = await successors.listening();
  log.write("warn", "A new process takes over.", { pid });
  const fromMs = performance.now();
  door.stop((request) => sendOn(request, successors));
  server.retire();
  await acceptsTold(system, handOverLimits.acceptsMs);
  if (successors.current() === null) throw ended();
  isGivingUp = true;
  await quiet();
  const leftMs = Math.max(0, handOverLimits.drainMs - (performance.now() - fromMs));
  await system.stop(leftMs, successors);
  successors.giveUp();
  await successors.ready();
  const ms = Math.round(performance.now() - fromMs);
  // What has arrived at the listener is accepted in this pass of the event loop, before its end.
  await nextPass();
  server.stopAccepting();
  await tell({ state: "done", pid: successors.current()?.pid ?? 0, ms });
  log.write("warn", "This process has handed over.", { ms, connections: server.openConnections() });
  const untilMs = performance.now() + handOverLimits.lingerMs;
  const isNeeded = (): boolean => server.openConnections() > 0 || !isLast;
  while (isNeeded() && performance.now() < untilMs && !isStopped) {
    await pause(LINGER_LOOK_MS);
  }
  await server.close();
}

/** Null when nobody is there any more: it has to be answered here, or refused. */
async function sendOn(request: HttpRequest, successors: Successors): Promise<HttpResponse | null> {
  const { bodyBytesMax, relayMs, relayAgainMs } = handOverLimits;
  const untilMs = performance.now() + relayMs;
  for (;;) {
    const process = successors.current();
    if (process === null) return null;
    try {
      const socketPath = await process.listening();
      return await relay(request, { socketPath, bodyBytesMax });
    } catch (error) {
      // Before a process has the data folder it can have done nothing.
      const isSafe = !successors.isGivenUp || mayBeRepeated(request);
      if (!isSafe || !isUnreached(error) || performance.now() > untilMs) throw error;
    }
    await pause(relayAgainMs);
  }
}

/** Waits until nobody waits to be told that a message was taken: sent again it would count twice. */
async function acceptsTold(
  system: Pick<RunningSystem, "isAwaitingAccepts">,
  ms: number,
): Promise<void> {
  const untilMs = performance.now() + ms;
  for (let quiet = 0; quiet < QUIET_LOOKS && performance.now() < untilMs; ) {
    await pause(LOOK_MS);
    quiet = system.isAwaitingAccepts ? 0 : quiet + 1;
  }
}

/** Nobody answered, as far as is known here. */
function isUnreached(error: unknown): boolean {
  const isOurs = error instanceof RuntimeError;
  return isOurs && (error.code === "SHUTTING_DOWN" || error.code === "CANCELLED");
}

function ended(): RuntimeError {
  return new RuntimeError("CANCELLED", "The new process ended before it had taken over.");
}
