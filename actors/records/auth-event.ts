// What viewers of a run are told while it waits for an account to be connected.

/** A wait for an account begins or ends. `run_id` may be of a child run. */
export type AuthEvent =
  /** A person opens `url`, a path of this server, in a browser. */
  | {
      readonly type: "auth_required";
      readonly id: string;
      readonly run_id: string;
      readonly integration: string;
      readonly reason: string;
      readonly url: string;
      /** What the page asks for, where the integration wants that. */
      readonly code?: string;
      readonly expires_at: string;
    }
  | {
      readonly type: "auth_settled";
      readonly id: string;
      readonly integration: string;
      readonly outcome: "connected" | "declined" | "expired" | "refused";
    };
