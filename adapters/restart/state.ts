// How the last restart stands, in a small file of the data folder: who has asked for one reads it there.

/** Its name. */
export const RESTART_FILE = "restart.json";

/** How a restart stands. */
export type RestartState =
  | { readonly state: "under-way" }
  /** `pid`: who answers now. `ms`: from the first request that was sent on. */
  | { readonly state: "done"; readonly pid: number; readonly ms: number }
  /** The process that was asked goes on. */
  | { readonly state: "failed"; readonly error: string };
