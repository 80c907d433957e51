// The ports of a replayed run. None of them reaches the outside by itself: a call is caught, so that
// a replay knows what a step asks for, and goes through to the real ports only when the replay has
// said for this step that it may.

import { defaultPrices } from "../../actors/money/catalogue.ts";
import type { Ports } from "../../actors/ports.ts";
import { stepBeingPerformed } from "../../runtime/testkit/replay-context.ts";
import type { AskedStep } from "../../runtime/testkit/replay-step.ts";

/** A call of a port. */
export interface PortCall {
  readonly port: string;
  readonly method: string;
  /** The first argument, as plain data: the request. */
  readonly request: unknown;
}

/** Ports with a switch. */
export interface WatchedPorts {
  readonly ports: Ports;
  /** What a step asks the outside, without asking it; null when it asks nothing. @throws what it threw. */
  look(step: AskedStep): Promise<PortCall | null>;
  /** Performs a step for real. @throws what it threw. */
  perform(step: AskedStep): Promise<unknown>;
}

/** Thrown through a step whose call was caught. */
class Caught extends Error {
  readonly call: PortCall;

  constructor(call: PortCall) {
    super("The call was caught.");
    this.call = call;
  }
}

/** What these ports say of a model, without a call. */
export interface ModelFacts {
  isBuiltin(model: string): boolean;
  windowOf(model: string): number;
  takesImages(model: string): boolean;
}

/** Methods that compute and call nobody. */
const pure = ["embedNow"];

const isFact = (method: string | symbol): method is keyof ModelFacts =>
  method === "isBuiltin" || method === "windowOf" || method === "takesImages";

/** @param real what goes through; null when nothing may. */
export function watchPorts(facts: ModelFacts, real: Ports | null): WatchedPorts {
  const allowed = new Set<string>();
  const catching = (port: string, target: object | undefined): object =>
    new Proxy(Object.create(null) as object, {
      get: (_, method) => {
        const own: unknown = target === undefined ? undefined : Reflect.get(target, method);
        if (typeof method !== "string" || pure.includes(method)) return own;
        if (typeof own !== "function" && target !== undefined) return own;
        return (...args: readonly unknown[]): unknown => {
          const step = stepBeingPerformed();
          const isAllowed = step !== undefined && allowed.has(nameOf(step));
          if (isAllowed && typeof own === "function") return own.apply(target, args);
          return Promise.reject(new Caught({ port, method, request: args[0] }));
        };
      },
    });
  const llm = catching("llm", real?.llm);
  const ports = new Proxy({} as Ports, {
    get: (_, port) => {
      if (typeof port !== "string") return undefined;
      // What things cost is data.
      if (port === "prices") return real?.prices ?? defaultPrices;
      if (port !== "llm") return catching(port, real?.[port as keyof Ports]);
      return new Proxy(llm, {
        get: (of, method) => (isFact(method) ? facts[method] : Reflect.get(of, method)),
      });
    },
  });
  return {
    ports,
    look: async (step) => {
      try {
        await step.call();
        return null;
      } catch (error) {
        if (error instanceof Caught) return error.call;
        throw error;
      }
    },
    perform: async (step) => {
      allowed.add(nameOf(step));
      return await step.call();
    },
  };
}

/** Name of a step within its run. */
export function nameOf({ path, key }: { readonly path: string; readonly key: string }): string {
  return `${path}\n${key}`;
}
