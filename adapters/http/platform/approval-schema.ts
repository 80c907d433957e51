// What an approval looks like when it is shown, as a schema.

import { approvalStatuses } from "../../../actors/records/approval.ts";
import { type TSchema, Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { orNull, time } from "../openapi/responses.ts";

const text = Type.String();
const anyObject = Type.Record(Type.String(), Type.Unknown());
/** An approval as a resource. */
export const approvalSchema: TSchema = named(
  "Approval",
  Type.Object(
    {
      id: text,
      run_id: text,
      root_run_id: text,
      conversation_key: orNull(text),
      agent_key: orNull(text),
      tool: text,
      arguments: anyObject,
      parameters: orNull(anyObject),
      reason: text,
      status: Type.String({ enum: approvalStatuses }),
      requested_at: time,
      expires_at: time,
      default: Type.Union([Type.Literal("approve"), Type.Literal("reject")]),
      decided_at: orNull(time),
      decided_by: orNull(text),
      note: orNull(text),
      decided_arguments: orNull(anyObject),
      rule: orNull(text),
      rule_error: orNull(text),
      required: Type.Integer({ minimum: 1, description: "Deciders that have to approve." }),
      from: orNull(
        Type.Object(
          { roles: Type.Array(text), keys: Type.Array(text) },
          {
            additionalProperties: false,
            description: "Whose decisions are taken; null: anybody's.",
          },
        ),
      ),
      not_requester: Type.Boolean({ description: "Who started the run does not decide." }),
      decisions: Type.Array(
        Type.Object(
          {
            ...{ by: text, role: orNull(text), decision: text, at: time, note: orNull(text) },
            arguments_version: Type.Integer({ minimum: 0 }),
            is_void: Type.Boolean({ description: "The arguments were changed since." }),
          },
          { additionalProperties: false },
        ),
      ),
      arguments_version: Type.Integer({
        minimum: 0,
        description: "Times that who decided has changed the arguments.",
      }),
      proposed_arguments: orNull(anyObject),
    },
    { additionalProperties: false },
  ),
);
