// Streams of server-sent events in the description: a text whose content is a list of events, each
// with the schema of its data, in the words that JSON Schema has for texts with contents.

import { type TSchema, Type } from "../../../actors/schema.ts";

const text = Type.String();
const closed = { additionalProperties: false } as const;

/** An event: its name, `null` for those without one, and its data, a text as it is or JSON. */
export type DescribedEvent = readonly [name: string | null, data: TSchema | string];

/** The schema of a `text/event-stream`. */
export function eventStreamOf(description: string, events: readonly DescribedEvent[]): TSchema {
  const schemas = events.map(([name, data]) => eventOf(name, data));
  const items = schemas.length === 1 ? schemas[0] : { anyOf: schemas };
  return {
    ...Type.String({ description }),
    contentMediaType: "text/event-stream",
    contentSchema: { type: "array", items },
  };
}

function eventOf(name: string | null, data: TSchema | string): TSchema {
  const content =
    typeof data === "string"
      ? Type.Literal(data)
      : { ...text, contentMediaType: "application/json", contentSchema: data };
  const id = Type.Optional(Type.String({ description: "For Last-Event-ID." }));
  const event = name === null ? {} : { event: Type.Literal(name) };
  return Type.Object({ id, ...event, data: content }, closed);
}
