// What viewers of a team's run are told of its members' turns.

/** What a team shows beside what its members show in their own runs. */
export type TeamEvent =
  /** Mode supervisor: how the leader has split the message. */
  | {
      readonly type: "team_plan";
      readonly tasks: readonly {
        readonly id: string;
        readonly member: string;
        readonly task: string;
        readonly after: readonly string[];
      }[];
      /** Set when the leader's plan could not be used: who answers instead, as `on_plan_failure` says. */
      readonly fallback?: "members" | "leader";
    }
  /** A member's turn: `round.place` in a discussion, the id of its task under a leader. */
  | {
      readonly type: "member";
      readonly turn: string;
      readonly member: string;
      /** 1 for a member of the team that was asked, one more for each team between. */
      readonly depth: number;
      /** Id of who takes the turn: the member, or its substitute. */
      readonly target: string;
      readonly state: "started" | "completed" | "failed";
      /** Its run, whose frames are what the member shows; null when it could not be started. */
      readonly run: string | null;
      /** Set when it failed, with what happens now. */
      readonly error?: { readonly code: string; readonly message: string };
      readonly next?: "fail" | "skip" | "retry" | "substitute";
    }
  /** The members have been heard; what ended it. */
  | {
      readonly type: "team_stop";
      readonly by: "rounds" | "tasks" | "leader" | "phrase" | "tokens" | "turns" | "failures";
      readonly reason: string;
    };
