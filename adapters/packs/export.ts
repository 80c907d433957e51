// Records that are there as a pack's file, which applies elsewhere: names in place of ids, no secret, and
// with them all that they name.

import { collectionsTable } from "../../actors/records/collection.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Caller } from "../http/services/agent-store.ts";
import { createDraft, type PackContext } from "./context.ts";
import { literal } from "./expand.ts";
import { nameFor } from "./kinds/agents.ts";
import type { Draft, Fields, Known, Made, PackKind } from "./kinds/kind.ts";
import { packKinds } from "./kinds/kinds.ts";
import { packLimits } from "./limits.ts";
import { KEEP } from "./pack-source.ts";
import { refuseOtherPins, withPins } from "./pins.ts";
import type { PackRow } from "./records.ts";
import { withNames } from "./references.ts";

/** What is exported. */
export interface Exported {
  readonly pack: string;
  readonly source: string;
  /** Secrets that have to be given where it is applied. */
  readonly secrets: readonly string[];
}

interface Taken {
  readonly name: string;
  readonly kind: PackKind;
  readonly made: Made;
}

const ID = /^(?:ag|cl|pr|sk|tl|tm|wf)_[A-Za-z0-9]{1,61}$/;
const PARTIAL = /(\{\{>\s*)(pr_[A-Za-z0-9]{1,61})/g;
const PAGE = 100;

/** Exports records by their ids, with everything that they name. @throws NOT_FOUND, INVALID. */
export async function exportRecords(
  context: PackContext,
  caller: Caller,
  {
    name,
    ids,
    known,
  }: {
    readonly name: string;
    readonly ids: readonly string[];
    /** Names that records of a pack have in it, and its description. */
    readonly known: PackRow | null;
  },
): Promise<Exported> {
  const draft = createDraft(context, caller, new Map());
  const taken = await takeAll(draft, ids, known);
  const nameOf = namesOf(taken);
  const titles = new Map(taken.map(({ made }) => [made.id, String(made.fields["name"])]));
  const secrets = new Set<string>();
  const { stringify } = await import("yaml");
  const sections: [string, unknown][] = [];
  for (const kind of packKinds) {
    const own = taken.filter((one) => one.kind === kind);
    const list: unknown[] = [];
    for (const one of own)
      list.push(await written(context, draft, one, { nameOf, titles, secrets, taken }));
    if (list.length > 0) sections.push([kind.section, list]);
  }
  const about = known?.description ? { description: known.description } : {};
  const label = known?.label ? { version: known.label } : {};
  const file = { pack: name, ...label, ...about, ...Object.fromEntries(sections) };
  // Aliases would count as repetitions where the file is read.
  const source = stringify(file, { aliasDuplicateObjects: false, lineWidth: 0 });
  const bytes = Buffer.byteLength(source);
  if (bytes > packLimits.sourceBytes) {
    const text = `The pack would have ${bytes} bytes; a pack's file has at most ${packLimits.sourceBytes}: export fewer records.`;
    throw new RuntimeError("INVALID", text, { limit: packLimits.sourceBytes });
  }
  return { pack: name, source, secrets: [...secrets] };
}

async function takeAll(
  draft: Draft,
  ids: readonly string[],
  known: PackRow | null,
): Promise<readonly Taken[]> {
  const names = new Map(Object.entries(known?.objects ?? {}).map(([name, one]) => [one.id, name]));
  const taken = new Map<string, Taken>();
  const left = [...ids];
  for (let id = left.shift(); id !== undefined; id = left.shift()) {
    if (taken.has(id)) continue;
    const kind = packKinds.find(({ prefix }) => id?.startsWith(`${prefix}_`));
    const owned = names.has(id) ? known?.objects[names.get(id) ?? ""] : undefined;
    const made =
      kind === undefined ? null : await readWhole(draft, kind, { id, parts: owned?.parts ?? {} });
    // A text that only looks like an id.
    if (made === null && !ids.includes(id)) continue;
    if (kind === undefined || made === null) {
      throw new RuntimeError("NOT_FOUND", `There is no record ${id.slice(0, 64)} to export.`);
    }
    const used = [...taken.values()].map(({ name }) => name);
    const reserved = [...used, ...[...names].filter(([of]) => of !== id).map(([, name]) => name)];
    const name = names.get(id) ?? nameFor(String(made.fields["name"] ?? kind.name), reserved);
    taken.set(id, { name, kind, made });
    if (taken.size > packLimits.objects) {
      const text = `A pack has at most ${packLimits.objects} objects; these name more.`;
      throw new RuntimeError("INVALID", text, { limit: packLimits.objects });
    }
    left.push(...idsIn(made.fields), ...(made.links ?? []));
  }
  return [...taken.values()];
}

/** A record with all its parts, those that were made by hand too. */
async function readWhole(draft: Draft, kind: PackKind, known: Known): Promise<Made | null> {
  const first = await kind.read(draft, known);
  if (first === null || kind.partsOf === undefined) return first;
  const parts = await kind.partsOf(draft, known.id);
  const named = new Map(Object.entries(known.parts).map(([name, id]) => [id, name]));
  const all: Record<string, string> = {};
  for (const [title, id] of Object.entries(parts)) {
    const name = named.get(id) ?? nameFor(title, [...named.values(), ...Object.keys(all)]);
    all[name] = id;
  }
  return await kind.read(draft, { id: known.id, parts: all });
}

function idsIn(value: unknown): readonly string[] {
  if (typeof value === "string") {
    return ID.test(value) ? [value] : [];
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(idsIn);
}

function namesOf(taken: readonly Taken[]): (id: string) => string | undefined {
  const names = new Map<string, string>();
  for (const { name, made } of taken) {
    names.set(made.id, name);
    for (const [part, id] of Object.entries(made.parts)) names.set(id, `${name}/${part}`);
  }
  return (id) => names.get(id);
}

interface Writing {
  readonly nameOf: (id: string) => string | undefined;
  /** What records are called, by their ids: templates take in others by these. */
  readonly titles: ReadonlyMap<string, string>;
  readonly secrets: Set<string>;
  readonly taken: readonly Taken[];
}

async function written(
  context: PackContext,
  draft: Draft,
  { name, kind, made }: Taken,
  { nameOf, titles, secrets, taken }: Writing,
): Promise<unknown> {
  // What a skill's files hold is text, whatever it looks like.
  if (kind.written) return { key: name, ...(literals(await kind.written(draft, made)) as Fields) };
  refuseOtherPins(name, made.fields);
  const open = secretsOut(literals(withPins(made.fields, taken)), {
    ...{ path: name, secrets, isIn: false },
  });
  const fields = withNames(named(open, titles), nameOf) as Fields;
  if (kind.section !== "collections") return { key: name, ...fields };
  const documents = await documentsOf(context, draft.caller.tenant, made.id);
  return { key: name, ...fields, ...(documents.length === 0 ? {} : { documents }) };
}

/** A template takes in another prompt by its name where it did by its id. */
function named(value: unknown, titles: ReadonlyMap<string, string>): unknown {
  const { template } = value as Fields;
  if (typeof template !== "string") return value;
  const text = template.replace(PARTIAL, (all, before: string, id: string) => {
    return `${before}${titles.get(id) ?? all.slice(before.length)}`;
  });
  return { ...(value as Fields), template: text };
}

function literals(value: unknown): unknown {
  if (typeof value === "string") return literal(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(literals);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, literals(one)]));
}

/** Members in which secrets are: a tool's settings, and what an agent changes of them. */
const hiding = ["config", "tools"];

/** `{secret: env:NAME}` for what is shown as hidden. The same text elsewhere is a text. */
function secretsOut(
  value: unknown,
  {
    path,
    secrets,
    isIn,
  }: { readonly path: string; readonly secrets: Set<string>; readonly isIn: boolean },
): unknown {
  if (isIn && value === KEEP) {
    const name = path
      .toUpperCase()
      .replace(/[^A-Z0-9]+/g, "_")
      .replace(/^(\d)/, "_$1")
      .slice(0, 100);
    secrets.add(name);
    return { secret: `env:${name}` };
  }
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    return value.map((one, at) => secretsOut(one, { path: `${path}_${at}`, secrets, isIn }));
  }
  const members = Object.entries(value).map(([name, one]) => {
    // Where a header is written says nothing to whoever gives its value.
    const within = name === "config" || name === "headers" ? path : `${path}_${name}`;
    const inner = { path: within, secrets, isIn: isIn || hiding.includes(name) };
    return [name, secretsOut(one, inner)];
  });
  return Object.fromEntries(members);
}

async function documentsOf(
  { documents, knowledge }: PackContext,
  tenant: string,
  collection: string,
): Promise<readonly Fields[]> {
  const all: Fields[] = [];
  for (let after: string | undefined; ; ) {
    const page = { limit: PAGE, ...(after === undefined ? {} : { after }) };
    const { items, next } = await knowledge.documents(tenant, collection, page);
    for (const { id } of items) {
      const { title, text, metadata } = await documents.document(tenant, collection, id);
      const more = Object.keys(metadata).length === 0 ? {} : { metadata };
      all.push(literals({ id, title, text, ...more }) as Fields);
    }
    if (all.length > packLimits.documents) {
      const text = `Collection ${collection} has more than ${packLimits.documents} documents, which is the limit of a pack.`;
      throw new RuntimeError("INVALID", text, {
        limit: packLimits.documents,
        table: collectionsTable,
      });
    }
    if (next === null) return all;
    after = next;
  }
}
