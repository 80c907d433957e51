// What routes answer, as schemas: records with what the server adds, pages of lists, streams.

import { type TSchema, Type } from "../../../actors/schema.ts";
import type { Route, RouteResponse } from "../route.ts";
import { named } from "./named.ts";

/** Responses by status. */
type Responses = NonNullable<Route["responses"]>;

const closed = { additionalProperties: false } as const;

/** A time as the API writes it. */
export const time = Type.String({ format: "date-time" });

/** A number of things. */
export const count = Type.Integer({ minimum: 0 });

/** 0 to 1. */
export const share = Type.Number({ minimum: 0, maximum: 1 });

/** Any JSON object. */
export const anyObject = Type.Record(Type.String(), Type.Unknown());

/** An error that is a part of an answer: of a run, of a document. */
export const toldError = named(
  "ToldError",
  Type.Object(
    {
      code: Type.String({ description: "A code, as `ErrorCode` has them." }),
      message: Type.String({ description: "One sentence for a person." }),
      details: Type.Optional(anyObject),
    },
    closed,
  ),
);

/** What may be null. */
export function orNull(schema: TSchema): TSchema {
  return Type.Union([schema, Type.Null()]);
}

/** A record as it is shown: every field that can be set, null when it is not, between other ones. */
export function shownRecord(
  input: TSchema,
  before: Readonly<Record<string, TSchema>>,
  after: Readonly<Record<string, TSchema>> = {
    version: Type.Integer({ minimum: 1 }),
    created_at: time,
    updated_at: time,
  },
): TSchema {
  const { properties, required = [] } = input as {
    readonly properties: Readonly<Record<string, TSchema>>;
    readonly required?: readonly string[];
  };
  const fields = Object.entries(properties).map(([name, schema]) => {
    // Being optional is a mark of the object's own schema, and a copy is without it.
    return [name, required.includes(name) ? { ...schema } : orNull({ ...schema })] as const;
  });
  return Type.Object({ ...before, ...Object.fromEntries(fields), ...after }, closed);
}

/** A page of a list. */
export function pageOf(item: TSchema): TSchema {
  return Type.Object({ data: Type.Array(item), next_cursor: orNull(Type.String()) }, closed);
}

/** A JSON answer with one status. */
export function answers(
  status: number,
  schema: TSchema,
  description: string,
  headers: RouteResponse["headers"] = [],
): Responses {
  return { [status]: { description, content: { "application/json": schema }, headers } };
}

/** 204. */
export const nothing: Responses = { 204: { description: "Done." } };
