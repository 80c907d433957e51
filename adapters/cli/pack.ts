// `troupe pack`: records of all kinds in one file, planned and applied on a running server, taken back,
// and written out as a file.

import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { RuntimeError } from "../../runtime/errors.ts";
import { loadConfig, secretEnvironment } from "../config.ts";
import { type ApiClient, openApi } from "./api-client.ts";
import { packBodyOf } from "./pack-files.ts";

const options = {
  param: { type: "string", multiple: true },
  secret: { type: "string", multiple: true },
  revision: { type: "string" },
  to: { type: "string" },
  name: { type: "string" },
  out: { type: "string" },
  json: { type: "boolean" },
  url: { type: "string" },
  key: { type: "string" },
  tenant: { type: "string" },
} as const;

/** Packs that are looked through for a name, a page at a time. */
const PAGE = 100;
/** Characters of a value that a plan shows. */
const SHOWN_CHARS = 60;

type Options = ReturnType<typeof parse>["values"];
const parse = (args: readonly string[]) =>
  parseArgs({ args: [...args], options, strict: true, allowPositionals: true });

interface Difference {
  readonly pointer: string;
  readonly before: unknown;
  readonly after: unknown;
}

interface Change {
  readonly action: "create" | "update" | "delete" | "unchanged";
  readonly kind: string;
  readonly name: string;
  readonly fields: readonly Difference[];
}

interface Plan {
  readonly pack: string;
  readonly revision: string;
  readonly summary: Readonly<Record<Change["action"], number>>;
  readonly changes: readonly Change[];
  readonly documents: readonly {
    readonly action: Change["action"];
    readonly collection: string;
    readonly id: string;
  }[];
  readonly drift: readonly (Pick<Change, "kind" | "name" | "fields"> & {
    readonly is_missing: boolean;
  })[];
  readonly charge: number;
}

interface Pack {
  readonly id: string;
  readonly name: string;
  readonly label: string | null;
  readonly version: number;
  readonly updated_at: string;
  readonly objects: readonly {
    readonly name: string;
    readonly kind: string;
    readonly id: string;
  }[];
}

/** What a verb does with what stands behind it. */
type Verb = (api: ApiClient, what: readonly string[], values: Options) => Promise<void>;

const verbs: Readonly<Record<string, Verb>> = {
  plan: async (api, [file], values) => {
    const plan = (await api.call("/v2/packs/plan", await bodyOf(file, values))) as Plan;
    show(values, plan, planLines(plan));
  },
  apply: async (api, [file], values) => {
    const body = await bodyOf(file, values);
    const { revision } = values;
    const headers = revision === undefined ? {} : { "If-Match": `"${revision}"` };
    const applied = (await api.call("/v2/packs", body, "POST", headers)) as Applied;
    show(values, applied, appliedLines(applied));
  },
  rollback: async (api, [named], values) => {
    const { to } = values;
    const secrets = secretsOf(values);
    const body = to === undefined ? { secrets } : { version: Number(to), secrets };
    const path = `/v2/packs/${await packNamed(api, named)}/rollback`;
    const applied = (await api.call(path, body)) as Applied;
    show(values, applied, appliedLines(applied));
  },
  export: async (api, what, values) => {
    const { name, out } = values;
    const exported = (await (name === undefined
      ? api.call(`/v2/packs/${await packNamed(api, what[0])}/export`)
      : api.call("/v2/packs/export", { pack: name, ids: what }))) as Exported;
    if (out !== undefined) await writeFile(out, exported.source);
    else console.log(exported.source.trimEnd());
    for (const secret of exported.secrets) console.error(`# to be given at apply: ${secret}`);
  },
  list: async (api, _what, values) => {
    const packs: Pack[] = [];
    for await (const pack of packsOf(api)) packs.push(pack);
    show(values, packs, packs.map(packLine));
  },
  show: async (api, [named], values) => {
    const pack = (await api.call(`/v2/packs/${await packNamed(api, named)}`)) as Pack;
    const lines = pack.objects.map(({ kind, name, id }) => `  ${kind} ${name}: ${id}`);
    show(values, pack, [packLine(pack), ...lines]);
  },
  delete: async (api, [named]) => {
    await api.call(`/v2/packs/${await packNamed(api, named)}`, undefined, "DELETE");
    console.log("It and all that it made was removed.");
  },
};

interface Applied {
  readonly pack: Pack;
  readonly plan: Plan;
}

interface Exported {
  readonly source: string;
  readonly secrets: readonly string[];
}

/** Does what the first word says. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parse(args);
    const [verb = "", ...what] = positionals;
    const act = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
    if (act === undefined) {
      throw new RuntimeError("INVALID", `use: troupe pack ${Object.keys(verbs).join("|")} ...`);
    }
    await act(await openApi(values, await loadConfig()), what, values);
    return 0;
  } catch (error) {
    console.error(`troupe pack: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

async function bodyOf(file: string | undefined, { param = [] }: Options) {
  if (file === undefined) throw new RuntimeError("INVALID", "name the pack's file.");
  return await packBodyOf(file, param, secretEnvironment());
}

/** Secrets that are named, from the environment: what a version refers to is known to the server alone. */
function secretsOf({ secret = [] }: Options): Readonly<Record<string, string>> {
  const env = secretEnvironment();
  const pairs = secret.map((name) => {
    const value = env[name];
    if (value === undefined) throw new RuntimeError("INVALID", `${name} is not set.`);
    return [name, value] as const;
  });
  return Object.fromEntries(pairs);
}

/** By id, else by name. */
async function packNamed(api: ApiClient, named: string | undefined): Promise<string> {
  if (named === undefined) throw new RuntimeError("INVALID", "name the pack.");
  if (/^pk_[A-Za-z0-9]+$/.test(named)) return named;
  for await (const pack of packsOf(api)) if (pack.name === named) return pack.id;
  throw new RuntimeError("NOT_FOUND", `there is no pack "${named}".`);
}

async function* packsOf(api: ApiClient): AsyncGenerator<Pack> {
  for (let cursor: string | null = ""; cursor !== null; ) {
    const path: string = `/v2/packs?limit=${PAGE}&cursor=${encodeURIComponent(cursor)}`;
    const page = (await api.call(path)) as { data: readonly Pack[]; next_cursor: string | null };
    yield* page.data;
    cursor = page.next_cursor;
  }
}

function show({ json }: Options, value: unknown, lines: readonly string[]): void {
  console.log(json ? JSON.stringify(value, null, 2) : lines.join("\n"));
}

const marks = { create: "+", update: "~", delete: "-", unchanged: " " } as const;

function planLines({ pack, revision, summary, changes, documents, drift, charge }: Plan) {
  const objects = changes
    .filter(({ action }) => action !== "unchanged")
    .flatMap(({ action, kind, name, fields }) => [
      `${marks[action]} ${kind} ${name}`,
      ...(action === "update" ? fields.map(fieldLine) : []),
    ]);
  const texts = documents
    .filter(({ action }) => action !== "unchanged")
    .map(({ action, collection, id }) => `${marks[action]} document ${collection}/${id}`);
  const hands = drift.flatMap(({ kind, name, is_missing, fields }) => [
    `! ${kind} ${name} was ${is_missing ? "removed" : "changed"} since it was applied`,
    ...fields.map(fieldLine),
  ]);
  const { create, update, delete: gone, unchanged } = summary;
  return [
    ...hands,
    ...objects,
    ...texts,
    `${pack}: ${create} to create, ${update} to update, ${gone} to delete, ${unchanged} unchanged; costs ${charge}.`,
    `Apply exactly this with --revision ${revision}`,
  ];
}

function appliedLines({ pack, plan }: Applied): readonly string[] {
  const { create, update, delete: gone, unchanged } = plan.summary;
  const done = `${create} created, ${update} updated, ${gone} deleted, ${unchanged} unchanged`;
  const objects = pack.objects.map(({ kind, name, id }) => `  ${kind} ${name}: ${id}`);
  return [`${pack.name} is at version ${pack.version}: ${done}.`, ...objects];
}

function packLine({ id, name, label, version, updated_at, objects }: Pack): string {
  return `${id}  ${name} ${label ?? ""}  version ${version}, ${objects.length} objects, ${updated_at}`;
}

function fieldLine({ pointer, before, after }: Difference): string {
  return `    ${pointer || "secret"}: ${shortened(before)} -> ${shortened(after)}`;
}

function shortened(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= SHOWN_CHARS ? text : `${text.slice(0, SHOWN_CHARS)}...`;
}
