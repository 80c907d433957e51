// What the UI protocols' routes answer, as schemas.

import { type TSchema, Type } from "../../../actors/schema.ts";
import { type DescribedEvent, eventStreamOf } from "../openapi/event-streams.ts";
import { named } from "../openapi/named.ts";
import type { Route } from "../route.ts";

const open = { additionalProperties: true } as const;

/** Members of a chunk and of an event are those of its type, as the packages `ai` and `@ag-ui/core` have them. */
const chunk = named(
  "UiMessageChunk",
  Type.Object(
    {
      type: Type.String({
        description:
          "`start`, `start-step`, `text-start`, `text-delta`, `text-end`, `tool-input-start`, `tool-input-delta`, `tool-input-available`, `tool-input-error`, `tool-approval-request`, `tool-output-available`, `tool-output-error`, `tool-output-denied`, `source-document`, `data-*`, `finish-step`, `finish`, `abort` or `error`.",
      }),
    },
    open,
  ),
);

const message = named(
  "UiMessage",
  Type.Object({
    id: Type.String(),
    role: Type.String({ enum: ["user", "assistant"] }),
    metadata: Type.Optional(Type.Object({}, open)),
    parts: Type.Array(Type.Object({ type: Type.String(), text: Type.String() }, open)),
  }),
);

const chunkEvents: readonly DescribedEvent[] = [
  [null, chunk],
  [null, "[DONE]"],
];

const event = named(
  "AgUiEvent",
  Type.Object(
    {
      type: Type.String({
        description:
          "`RUN_STARTED`, `MESSAGES_SNAPSHOT`, `TEXT_MESSAGE_START`, `TEXT_MESSAGE_CONTENT`, `TEXT_MESSAGE_END`, `TOOL_CALL_START`, `TOOL_CALL_ARGS`, `TOOL_CALL_END`, `TOOL_CALL_RESULT`, `STEP_STARTED`, `STEP_FINISHED`, `CUSTOM`, `RUN_FINISHED` or `RUN_ERROR`.",
      }),
    },
    open,
  ),
);

/** Of POST /ag-ui. */
export const agUiResponses: NonNullable<Route["responses"]> = {
  200: {
    description: "The run as it goes on.",
    content: events("Events of AG-UI 1.0; the last is `RUN_FINISHED` or `RUN_ERROR`.", [
      [null, event],
    ]),
  },
};

/** Of POST /ui-chat. */
export const chatResponses: NonNullable<Route["responses"]> = {
  200: {
    description: "The message as it is written.",
    content: events("A UI message stream, version 1; the last event is `[DONE]`.", chunkEvents),
  },
};

/** Of GET /ui-chat/{id}/stream. */
export const resumeResponses: NonNullable<Route["responses"]> = {
  ...chatResponses,
  204: { description: "Nothing is under way in this chat." },
};

/** Of GET /ui-chat/{id}/messages. */
export const heldResponses: NonNullable<Route["responses"]> = {
  200: {
    description: "Messages as the package `ai` has them.",
    content: {
      "application/json": named("UiMessages", Type.Object({ messages: Type.Array(message) })),
    },
  },
};

function events(
  description: string,
  described: readonly DescribedEvent[],
): Readonly<Record<string, TSchema>> {
  return { "text/event-stream": eventStreamOf(description, described) };
}
