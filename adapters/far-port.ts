// A port of actors that main serves, as engines have it: each call goes over the engine's line, to what is there
// when the front door is. Nothing of it is loaded before somebody asks, on an engine and on main.

import { RuntimeError } from "../runtime/errors.ts";
import type { HostLine } from "../runtime/threads/host.ts";
import type { Serve, ServedCalls } from "./line-calls.ts";

/** A port whose methods take one plain value, and a signal where they wait. */
export interface FarPort<Port> {
  /** Of errors. */
  readonly name: string;
  /** Methods that are answered. */
  readonly calls: readonly (keyof Port & string)[];
  /** Methods that are not: best effort. */
  readonly tells?: readonly (keyof Port & string)[];
}

type Method = (input: unknown, signal?: AbortSignal) => unknown;

/** An engine's port. Undefined: there is no main thread to ask, as in a replay. */
export function farPort<Port>(line: HostLine | undefined, of: FarPort<Port>): Port {
  type Calls = ReturnType<typeof import("./line-calls.ts").callsOver>;
  let calls: Promise<Calls> | undefined;
  const made = async (): Promise<Calls> => {
    if (line === undefined) throw new RuntimeError("NOT_FOUND", `There are no ${of.name} here.`);
    return (await import("./line-calls.ts")).callsOver(line);
  };
  const ready = (): Promise<Calls> => {
    calls ??= made();
    return calls;
  };
  const call = (method: string): [string, Method] => [
    method,
    async (input, signal) => (await ready()).call(method, input, signal),
  ];
  const tell = (method: string): [string, Method] => [
    method,
    (input) =>
      void ready().then(
        (one) => one.tell(method, input),
        () => undefined,
      ),
  ];
  const methods = [...of.calls.map(call), ...(of.tells ?? []).map(tell)];
  // Main answers each with what its own port gave: the types are the port's on both sides.
  return Object.fromEntries(methods) as Port;
}

/** Main's end of an engine's line. @returns what ends it. */
export function serveFarPort<Port>(
  line: HostLine,
  of: FarPort<Port>,
  port: () => Promise<Port>,
): () => void {
  const known: ReadonlySet<string> = new Set([...of.calls, ...(of.tells ?? [])]);
  const serve: Serve = async (method, input, signal) => {
    if (!known.has(method)) {
      throw new RuntimeError("INTERNAL", `${of.name} have no call "${method.slice(0, 80)}".`);
    }
    // An engine is this program: what it sends has the types of the port.
    const own = (await port()) as Readonly<Record<string, Method>>;
    return await own[method]?.(input, signal);
  };
  let served: Promise<ServedCalls> | undefined;
  line.receive((message) => {
    served ??= import("./line-calls.ts").then(({ serveCalls }) => serveCalls(line, serve));
    // In the order in which they came: each waits for the same promise.
    void served.then((calls) => calls.take(message));
  });
  return () => void served?.then((calls) => calls.end());
}
