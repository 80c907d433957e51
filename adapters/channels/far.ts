// Channels as engines have them: accounts are open on main, which each call asks over the engine's line.

import type { Channels } from "../../actors/channels/port.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { HostLine } from "../../runtime/threads/host.ts";
import { callsOver, type Serve } from "../line-calls.ts";

/** The port over a line. */
export function farChannels(line: HostLine): Channels {
  const { call, tell } = callsOver(line);
  // Main answers each with what its own port gave: the types are the port's on both sides.
  const through = (method: keyof Channels, input: unknown, signal?: AbortSignal): Promise<never> =>
    call(method, input, signal) as Promise<never>;
  return {
    ask: (ask, signal) => through("ask", ask, signal),
    stop: (of) => through("stop", of),
    decide: (decision) => through("decide", decision),
    render: (of) => through("render", of),
    renderPlain: (of) => through("renderPlain", of),
    template: (of) => through("template", of),
    send: (send, signal) => through("send", send, signal),
    reconcile: (send, signal) => through("reconcile", send, signal),
    fileBytesMax: (of) => through("fileBytesMax", of),
    typing: (of) => tell("typing", of),
  };
}

type Calls = Omit<Channels, "typing">;
type Method = keyof Calls;

/** Main's side of it. */
export function servesChannels(channels: () => Promise<Channels>): Serve {
  return async (method, input, signal) => {
    const port = await channels();
    if (method === "typing") return port.typing(input as Parameters<Channels["typing"]>[0]);
    if (!methods.has(method)) {
      throw new RuntimeError("INTERNAL", `Channels have no call "${method.slice(0, 80)}".`);
    }
    // An engine is this program: what it sends has the types of the port.
    const serve = port[method as Method] as (input: unknown, signal: AbortSignal) => unknown;
    return await serve(input, signal);
  };
}

const methods: ReadonlySet<string> = new Set<Method>([
  ...(["ask", "stop", "decide", "render", "renderPlain", "template"] as const),
  ...(["send", "reconcile", "fileBytesMax"] as const),
]);
