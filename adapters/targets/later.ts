// Engines and targets on main, before anybody has asked for one.

import type { TargetHost, TargetHostOptions } from "./host.ts";

/** What is there from the start on. */
export interface LaterTargets {
  /** Engines and targets: loaded when one is asked for. */
  targets(): Promise<TargetHost>;
  /** Ends what they have open. */
  endTargets(): Promise<void>;
}

/** Loads them with the first that is asked for. */
export function laterTargets(options: TargetHostOptions): LaterTargets {
  let made: Promise<TargetHost> | undefined;
  return {
    targets: () => {
      made ??= import("./host.ts").then(({ createTargetHost }) => createTargetHost(options));
      return made;
    },
    endTargets: async () => await (await made)?.end(),
  };
}
