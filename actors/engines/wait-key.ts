// Names that a run that waits for a target, the actor that tells it, and whoever shows it share.

const KEY = "target:";

/** Tables: who waits for a target, `tg_x.root`; what a root run waits for, `rn_x.id`; whether it does, `rn_x`. */
export const targetTables = {
  ...{ waits: "target-waits", waitsOfRun: "target-waits-run", waiting: "target-waiting" },
} as const;

/** Table: how a target was when it was last looked at, by its id, with its owner. */
export const targetHealthTable = "target-health";

/** Key of the decision that a run waits for. */
export const targetWaitKey = (id: string): string => `${KEY}${id}`;

/** Whether a run waits under this key for a target. */
export const isTargetWaitKey = (key: string): boolean => key.startsWith(KEY);
