// Which records of its tenant a key reaches (`allowed_resources`): by kind the ids, or "*" for all of a
// kind. A kind that is not named is not reached, so that a kind that comes with a later release is not
// either. What a key reaches is what it may address; what an agent does with its own collections and
// tools is the agent's affair.

import { Type } from "../schema.ts";

/** Kinds that a key can be limited to, with the prefix of their ids. */
export const resourcePrefixes = {
  agents: "ag",
  teams: "tm",
  workflows: "wf",
  collections: "cl",
  prompts: "pr",
  tools: "tl",
  skills: "sk",
  datasets: "ds",
} as const;

/** A kind of records. */
export type ResourceKindName = keyof typeof resourcePrefixes;

/** Ids by kind, or ["*"] for all of a kind. */
export type AllowedResources = Readonly<Partial<Record<ResourceKindName, readonly string[]>>>;

/** Ids of one kind that a key can name. */
export const SCOPE_IDS_MAX = 100;
const ALL = "*";

const kinds = Object.keys(resourcePrefixes) as readonly ResourceKindName[];
const kindsByPrefix = new Map(kinds.map((kind) => [resourcePrefixes[kind] as string, kind]));

const idsOf = (kind: ResourceKindName) =>
  Type.Optional(
    Type.Array(Type.String({ pattern: `^(\\*|${resourcePrefixes[kind]}_[A-Za-z0-9]{1,61})$` }), {
      maxItems: SCOPE_IDS_MAX,
      description: 'Their ids, or `["*"]` for all.',
    }),
  );

/** What a client sends, and is shown. */
export const allowedResourcesSchema = Type.Object(
  {
    agents: idsOf("agents"),
    teams: idsOf("teams"),
    workflows: idsOf("workflows"),
    collections: idsOf("collections"),
    prompts: idsOf("prompts"),
    tools: idsOf("tools"),
    skills: idsOf("skills"),
    datasets: idsOf("datasets"),
  },
  {
    additionalProperties: false,
    description:
      "What the key reaches, by kind; of a kind that is not named, nothing. null: everything of its tenant.",
  },
);

/** The kind that an id is of; null for ids that no key can be limited to. */
export function kindOfId(id: string): ResourceKindName | null {
  return kindsByPrefix.get(id.slice(0, id.indexOf("_"))) ?? null;
}

/** Whether a record is reached. Null reaches all, also what is of no kind above. */
export function reaches(allowed: AllowedResources | null | undefined, id: string): boolean {
  if (allowed == null) return true;
  const kind = kindOfId(id);
  return kind !== null && (reachesAll(allowed, kind) || allowed[kind]?.includes(id) === true);
}

/** Whether every record of a kind is reached, those to come too. */
export function reachesAll(
  allowed: AllowedResources | null | undefined,
  kind: ResourceKindName,
): boolean {
  return allowed == null || allowed[kind]?.includes(ALL) === true;
}

/** The only ids of a kind that are reached, in order; undefined: all of them are. */
export function onlyOf(
  allowed: AllowedResources | null | undefined,
  kind: ResourceKindName,
): readonly string[] | undefined {
  if (allowed == null || reachesAll(allowed, kind)) return undefined;
  return [...new Set(allowed[kind])].sort();
}

/** The same of what a path of the platform is called; what is no kind here is reached by nobody who is limited. */
export function onlyOfPath(
  allowed: AllowedResources | null | undefined,
  path: string,
): readonly string[] | undefined {
  if (allowed == null) return undefined;
  const kind = kinds.find((one) => one === path);
  return kind === undefined ? [] : onlyOf(allowed, kind);
}

/** Where the second reaches further than all of the first together: a pointer below it; null: nowhere. */
export function beyond(
  granted: readonly (AllowedResources | null | undefined)[],
  asked: AllowedResources | null | undefined,
): string | null {
  if (granted.some((one) => one == null)) return null;
  if (asked == null) return "";
  for (const kind of kinds) {
    for (const [at, id] of (asked[kind] ?? []).entries()) {
      const isGranted = granted.some((one) =>
        id === ALL ? reachesAll(one, kind) : reaches(one, id),
      );
      if (!isGranted) return `/${kind}/${at}`;
    }
  }
  return null;
}
