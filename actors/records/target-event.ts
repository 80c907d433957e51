// What viewers of a run are told while it waits for a target.

/** A wait for a target begins or ends. `run_id` may be of a child run. */
export type TargetEvent =
  | {
      readonly type: "waiting_for_target";
      readonly id: string;
      readonly run_id: string;
      readonly target: string;
      readonly reason: string;
      readonly expires_at: string;
    }
  | {
      readonly type: "target_settled";
      readonly id: string;
      readonly target: string;
      readonly outcome: "back" | "expired" | "refused";
    };
