// Names of operations, which generated clients have as the names of their functions: `listTeams`,
// `getTeam`, `createTeam`, `listTeamVersions`, `rollbackTeamVersion`, `cancelRun`.

import type { Route } from "../route.ts";

const VERBS = { GET: "get", POST: "create", PUT: "replace", PATCH: "update", DELETE: "delete" };
/** What says where an API is, not what it is of. */
const SURFACES = new Set(["v1", "v2", "proxy"]);

/** The name of a route's operation, made of its method and pattern. */
export function operationIdOf(route: Route): string {
  const { errors, method, pattern, query = [], operation } = route;
  if (operation !== undefined) return operation;
  const parts = pattern.slice(1).split("/");
  // OpenAI's protocol has names that the platform has too, such as its models.
  const surface = errors === "openai" ? ["openai"] : pattern === "/" ? ["page"] : [];
  const inPath = parts.flatMap((part, at) => {
    if (part.startsWith("{") || SURFACES.has(part)) return [];
    const isOne = parts[at + 1]?.startsWith("{") ?? false;
    return [isOne ? singular(part) : part];
  });
  const nouns = [...surface, ...inPath];
  const last = parts.at(-1) ?? "";
  const isList = method === "GET" && query.includes("cursor");
  if (method !== "POST" || last.startsWith("{"))
    return camel(isList ? "list" : VERBS[method], nouns);
  const of = nouns.slice(0, -1);
  // What is done and to what, as in `count_tokens`.
  const [verb = "", ...objects] = last.split("_");
  if (objects.length > 0) return camel(verb, [...of.map(singular), ...objects]);
  const isPlural = last.endsWith("s");
  return isPlural ? camel("create", [...of, singular(last)]) : camel(last, of);
}

function singular(noun: string): string {
  if (noun.endsWith("ies")) return `${noun.slice(0, -3)}y`;
  return noun.endsWith("s") ? noun.slice(0, -1) : noun;
}

function camel(verb: string, nouns: readonly string[]): string {
  const words = [verb, ...nouns].flatMap((text) => text.split(/[^A-Za-z0-9]+/)).filter(Boolean);
  const big = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
  return words.map((word, at) => (at === 0 ? word : big(word))).join("");
}
