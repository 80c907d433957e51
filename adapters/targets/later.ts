// Engines and targets on main, before anybody has asked for one.

import type { TargetFigures } from "./health.ts";
import type { TargetHost, TargetHostOptions } from "./host.ts";

/** What is there from the start on. */
export interface LaterTargets {
  /** Engines and targets: loaded when one is asked for. */
  targets(): Promise<TargetHost>;
  /** How targets are; null while nobody has asked for one. */
  targetFigures(): TargetFigures | null;
  /** Ends what they have open. */
  endTargets(): Promise<void>;
}

/** Loads them with the first that is asked for. */
export function laterTargets(options: TargetHostOptions): LaterTargets {
  let made: Promise<TargetHost> | undefined;
  let figures: (() => TargetFigures) | undefined;
  const make = async (): Promise<TargetHost> => {
    const { createTargetHost } = await import("./host.ts");
    const host = createTargetHost(options);
    figures = host.health.figures;
    return host;
  };
  return {
    targets: () => {
      made ??= make();
      return made;
    },
    targetFigures: () => figures?.() ?? null,
    endTargets: async () => await (await made)?.end(),
  };
}
