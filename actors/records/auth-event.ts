// What viewers of a run are told while it waits for an account to be connected.

/** A wait for an account begins or ends. `run_id` may be of a child run. */
export type AuthEvent =
  /**
   * A person opens `url` in a browser: a path of this server; or, when an agent elsewhere waits (`remote`), an address
   * of its own, and `integration` is the host that it was asked at.
   */
  | {
      readonly type: "auth_required";
      readonly id: string;
      readonly run_id: string;
      readonly integration: string;
      readonly reason: string;
      readonly url: string;
      /** What the page asks for, where the integration wants that. */
      readonly code?: string;
      readonly remote?: true;
      readonly expires_at: string;
    }
  | {
      readonly type: "auth_settled";
      readonly id: string;
      readonly integration: string;
      readonly outcome: "connected" | "declined" | "expired" | "refused";
    };
