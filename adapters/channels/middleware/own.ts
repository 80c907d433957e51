// An operator's own middleware: named functions of an ES module, `gateway.middleware` in troupe.yaml. What
// the file is, the operator alone decides: its code runs in the server with all that the server may do.

import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Middleware, Outcome } from "./middleware.ts";

/** What one of them may take; then the delivery is refused, and comes again. */
export const OWN_MS = 2_000;

/** Functions by name. */
export type OwnMiddleware = ReadonlyMap<string, Middleware>;

/** Those that `names` list, in order. @throws INVALID with the pointer for one that the file does not have. */
export function ownChain(own: OwnMiddleware, names: readonly string[]): readonly Middleware[] {
  return names.map((name, at) => {
    const found = own.get(name);
    if (found !== undefined) return bounded(name, found);
    const known = own.size === 0 ? "there are none" : `there are ${[...own.keys()].join(", ")}`;
    const message = `There is no middleware "${name.slice(0, 64)}"; ${known} (gateway.middleware).`;
    throw new RuntimeError("INVALID", message, { pointer: `/middleware/${at}` });
  });
}

/** Loads the file. @throws CONFIG_INVALID with its name. */
export async function loadOwn(file: string | null): Promise<OwnMiddleware> {
  if (file === null) return new Map();
  const path = isAbsolute(file) ? file : resolve(file);
  const module = await import(pathToFileURL(path).href).catch((error: unknown) => {
    const why = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    throw new RuntimeError("CONFIG_INVALID", `gateway.middleware: ${file}: ${why}`);
  });
  const exported = Object.entries(module as Readonly<Record<string, unknown>>);
  const functions = exported.filter(([, value]) => typeof value === "function");
  if (functions.length === 0) {
    const why = "it exports no function; each exported function is one middleware, by its name.";
    throw new RuntimeError("CONFIG_INVALID", `gateway.middleware: ${file}: ${why}`);
  }
  return new Map(functions.map(([name, value]) => [name, value as Middleware]));
}

/** With a time, and held to what an outcome is: a mistake is told by name instead of losing a message. */
function bounded(name: string, middleware: Middleware): Middleware {
  return async (event, context, next) => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = `Middleware "${name}" has not decided within ${OWN_MS} ms.`;
      timer = setTimeout(() => reject(new RuntimeError("DEADLINE", message)), OWN_MS);
    });
    try {
      const outcome = await Promise.race([middleware(event, context, next), late]);
      if (isOutcome(outcome)) return outcome;
    } finally {
      clearTimeout(timer);
    }
    const message = `Middleware "${name}" returned neither what next() gave nor { drop: "why" }.`;
    throw new RuntimeError("INTERNAL", message);
  };
}

function isOutcome(outcome: unknown): outcome is Outcome {
  if (typeof outcome !== "object" || outcome === null) return false;
  if ("drop" in outcome) return typeof outcome.drop === "string";
  return "event" in outcome && typeof outcome.event === "object" && outcome.event !== null;
}
