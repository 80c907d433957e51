// Another process that takes the data folder over while this one still has callers: what they watch
// goes on there, and they are given its frames. Implemented by whoever starts that process.

import type { Frame } from "../frame.ts";

/** A run as a caller watches it, from where the caller is. */
export interface WatchedRun {
  readonly tenant: string;
  readonly run: string;
  readonly endOnly: boolean;
  /** Id of the last frame the caller was given. Absent: none. */
  readonly after?: string;
}

/** The process that goes on with the runs of this one. Both wait until it has the data folder. */
export interface Successor {
  /** Its frames to the run's end. Aborting ends the watching, never the run. */
  follow(watched: WatchedRun, signal: AbortSignal): AsyncIterable<readonly Frame[]>;
  cancel(tenant: string, run: string, reason: string): Promise<void>;
}
