// The body of a request to /ag-ui: a RunAgentInput, as the package @ag-ui/core has it.

import { type Static, Type } from "../../../actors/schema.ts";
import { CLIENT_ID_CHARS_MAX } from "./chat-body.ts";

const open = { additionalProperties: true } as const;
const MESSAGES_MAX = 2_000;
const CALLS_MAX = 1_000;
const TOOLS_MAX = 1_000;
const CONTEXTS_MAX = 1_000;
const INTERRUPTS_MAX = 100;
const orNull = <S extends Parameters<typeof Type.Union>[0][number]>(schema: S) =>
  Type.Optional(Type.Union([schema, Type.Null()]));
const id = Type.String({ minLength: 1, maxLength: CLIENT_ID_CHARS_MAX });
const callId = Type.String({ maxLength: 256 });

/** Room for the media that messages may have. */
export const RUN_INPUT_BYTES_MAX = 8 * 1024 * 1024;

const call = Type.Object(
  {
    id: callId,
    function: Type.Object(
      { name: Type.String({ maxLength: 256 }), arguments: Type.String() },
      open,
    ),
  },
  open,
);
const message = Type.Object(
  {
    id: Type.String({ maxLength: 256 }),
    role: Type.String({ maxLength: 20 }),
    content: Type.Optional(Type.Unknown()),
    toolCalls: orNull(Type.Array(call, { maxItems: CALLS_MAX })),
    toolCallId: orNull(callId),
    error: orNull(Type.String()),
  },
  open,
);
const tool = Type.Object(
  {
    name: Type.String({ maxLength: 64 }),
    description: Type.String(),
    parameters: orNull(Type.Record(Type.String(), Type.Unknown())),
  },
  open,
);
const resumeEntry = Type.Object(
  {
    interruptId: Type.String({ maxLength: 64 }),
    status: Type.Union([Type.Literal("resolved"), Type.Literal("cancelled")]),
    payload: Type.Optional(Type.Unknown()),
  },
  open,
);

/** The body. */
export const runInput = Type.Object(
  {
    /** A thread of this agent. */
    threadId: id,
    /** As the client names this request: it is taken once. */
    runId: id,
    messages: Type.Array(message, { maxItems: MESSAGES_MAX }),
    tools: orNull(Type.Array(tool, { maxItems: TOOLS_MAX })),
    context: orNull(
      Type.Array(Type.Object({ description: Type.String(), value: Type.String() }, open), {
        maxItems: CONTEXTS_MAX,
      }),
    ),
    state: Type.Optional(Type.Unknown()),
    forwardedProps: Type.Optional(Type.Unknown()),
    /** What was decided about the interrupts of the run before. */
    resume: orNull(Type.Array(resumeEntry, { maxItems: INTERRUPTS_MAX })),
  },
  open,
);

/** A checked body. */
export type RunInput = Static<typeof runInput>;
/** A message of the client. */
export type AgUiMessage = RunInput["messages"][number];
