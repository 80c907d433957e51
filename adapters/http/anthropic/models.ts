// Agents and teams as models of Anthropic's protocol: the same list as OpenAI's, in pages.

import { RuntimeError } from "../../../runtime/errors.ts";

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 1_000;

/** A model as OpenAI's protocol has it. */
interface Listed {
  readonly id: string;
  readonly name: string;
  /** Seconds since the epoch. */
  readonly created: number;
}

/** One model. */
export function anthropicModel({ id, name, created }: Listed): object {
  const created_at = new Date(created * 1_000).toISOString();
  return { type: "model", id, display_name: name, created_at };
}

/** The page that `limit`, `after_id` and `before_id` ask for. @throws INVALID with the parameter. */
export function modelPage(models: readonly Listed[], query: URLSearchParams): object {
  const limit = limitOf(query.get("limit"));
  const after = placeOf(models, query, "after_id");
  const before = placeOf(models, query, "before_id");
  const from = before === null ? (after ?? -1) + 1 : Math.max(0, before - limit);
  const to = Math.min(before ?? models.length, from + limit);
  const page = models.slice(from, to);
  return {
    data: page.map(anthropicModel),
    has_more: before === null ? to < models.length : from > 0,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  };
}

function limitOf(value: string | null): number {
  const limit = value === null ? LIMIT_DEFAULT : Number(value);
  if (Number.isInteger(limit) && limit >= 1 && limit <= LIMIT_MAX) return limit;
  const message = `limit is a whole number from 1 to ${LIMIT_MAX}.`;
  throw new RuntimeError("INVALID", message, { parameter: "limit" });
}

function placeOf(
  models: readonly Listed[],
  query: URLSearchParams,
  parameter: "after_id" | "before_id",
): number | null {
  const id = query.get(parameter);
  if (id === null) return null;
  const place = models.findIndex((model) => model.id === id);
  if (place >= 0) return place;
  throw new RuntimeError("INVALID", `${parameter} names no model of the list.`, { parameter });
}
