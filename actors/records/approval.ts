// A call that waits for a person, and what was decided about it.

import { type Static, Type } from "../schema.ts";
import { keyRoles } from "./api-key.ts";

/** Tables of a tenant. Ids of `approvals` and `pending` are `ap_...`, of `byRun` `<root run>.<ap>`. */
export const approvalTables = {
  approvals: "approvals",
  /** Those nobody has decided; value null. */
  pending: "approvals-pending",
  /** Value: the status. */
  byRun: "approvals-run",
} as const;

/** What became of an approval. `expired`: nobody decided in time, and its `default` was taken. */
export const approvalStatuses = [
  "pending",
  "approved",
  "rejected",
  "expired",
  "cancelled",
] as const;

export type ApprovalStatus = (typeof approvalStatuses)[number];

/** What a person or a default may say. */
export type ApprovalDecision = "approve" | "reject";

/** A stored approval. Times are ISO 8601. */
export interface Approval {
  readonly id: string;
  /** The run that waits, and the root run above it: the same unless it is a child. */
  readonly run_id: string;
  readonly root_run_id: string;
  /** Root of the run's address, and whether that is a conversation. */
  readonly root: string;
  readonly conversation_key: string | null;
  /** Who wants it: an agent, sub-agent, team or workflow. */
  readonly agent_key: string | null;
  /** Name of the tool or node. */
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** JSON Schema that edited arguments must fit; null: any object. */
  readonly parameters: Readonly<Record<string, unknown>> | null;
  /** Why it needs a decision, for people. */
  readonly reason: string;
  readonly status: ApprovalStatus;
  readonly requested_at: string;
  readonly expires_at: string;
  /** What is taken when nobody decides in time. */
  readonly default: ApprovalDecision;
  readonly decided_at: string | null;
  /** An API key (`ak_`), "admin", "rule", "expiry", or "run" for a run that ended before. */
  readonly decided_by: string | null;
  readonly note: string | null;
  /** Arguments as the person changed them; null: as they were. */
  readonly decided_arguments: Readonly<Record<string, unknown>> | null;
  /** The CEL that was asked before a person; null: none. Absent in rows of earlier releases. */
  readonly rule?: string | null;
  /** Why that could not be judged; null: it could. */
  readonly rule_error?: string | null;
  /** Who has to agree; null or absent: anybody who may decide, once. */
  readonly quorum?: Quorum | null;
  /** All decisions of people, in their order. Absent in rows of earlier releases. */
  readonly decisions?: readonly GivenDecision[];
  /** Times that the arguments were changed by who decided. */
  readonly arguments_version?: number;
  /** The arguments as they stand while more have to agree; null: those of the call. */
  readonly proposed_arguments?: Readonly<Record<string, unknown>> | null;
}

/** One decision of one person. */
export interface GivenDecision {
  /** As `decided_by`. */
  readonly by: string;
  /** Role of the key; null: not known. */
  readonly role: string | null;
  readonly decision: ApprovalDecision;
  readonly at: string;
  readonly note: string | null;
  /** Of the arguments that it is about. */
  readonly arguments_version: number;
  /** Somebody has changed the arguments since: it no longer counts. */
  readonly is_void: boolean;
}

/** Most that can have to agree. */
const REQUIRED_MAX = 10;

/** Who has to agree, as it is set. */
export const quorumInput = Type.Object(
  {
    /** Different deciders that have to approve. Default 1. */
    required: Type.Optional(Type.Integer({ minimum: 1, maximum: REQUIRED_MAX })),
    /** Whose decisions are taken: keys of these roles, and these keys. Default: anybody's who may decide. */
    from: Type.Optional(
      Type.Object(
        {
          roles: Type.Optional(
            Type.Array(Type.Union(keyRoles.map((role) => Type.Literal(role))), {
              minItems: 1,
              maxItems: keyRoles.length,
            }),
          ),
          keys: Type.Optional(
            Type.Array(Type.String({ pattern: "^(ak_|jwt\\.)[A-Za-z0-9_.-]{1,80}$" }), {
              minItems: 1,
              maxItems: 100,
            }),
          ),
        },
        { additionalProperties: false },
      ),
    ),
    /** Whether who started the run is left out. Default false. */
    not_requester: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

/** Who has to agree, as it is set. */
export interface QuorumInput {
  readonly required?: number;
  readonly from?: { readonly roles?: readonly string[]; readonly keys?: readonly string[] };
  readonly not_requester?: boolean;
}

/** Who has to agree. */
export interface Quorum {
  readonly required: number;
  readonly roles: readonly string[] | null;
  readonly keys: readonly string[] | null;
  readonly not_requester: boolean;
}

/** With defaults. */
export function quorumOf({ required = 1, from, not_requester = false }: QuorumInput): Quorum {
  return { required, roles: from?.roles ?? null, keys: from?.keys ?? null, not_requester };
}

/** Characters of a note. */
const NOTE_CHARS_MAX = 2_000;

/** What a client sends to decide. */
export const decisionInput = Type.Object(
  {
    decision: Type.Union([Type.Literal("approve"), Type.Literal("reject")]),
    /** Instead of the call's own; only with approve. */
    arguments: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    /** Told to the model when it is a rejection. */
    note: Type.Optional(Type.String({ maxLength: NOTE_CHARS_MAX })),
    /** Of the arguments that were looked at; needed where somebody has changed them. Default 0. */
    arguments_version: Type.Optional(Type.Integer({ minimum: 0 })),
  },
  { additionalProperties: false },
);

export type DecisionInput = Static<typeof decisionInput>;

/** What the run that waits is told. */
export interface Decided {
  readonly decision: ApprovalDecision;
  readonly by: string;
  readonly note: string | null;
  readonly arguments: Readonly<Record<string, unknown>> | null;
}
