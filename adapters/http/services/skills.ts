// Skills: what is sent becomes a version of a record and of its files. Reading what was sent is work for
// the compute pool, with a time and a memory of its own; here it is stored and given back.

import type { Compute } from "../../../actors/ports.ts";
import type { ResourceRow } from "../../../actors/records/resource.ts";
import {
  type SkillFile,
  type SkillInput,
  type SkillTree,
  skillTables,
} from "../../../actors/records/skill.ts";
import { skillKind } from "../../../actors/records/skill-kind.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables, TableWrite } from "../../../runtime/system.ts";
import type { ReadSkill, SkillBody } from "../../skills/read-skill.ts";
import { readSkillTaskName } from "../../skills/reading.ts";
import type { ResourceRules, RulePlace } from "../resources/resource-rules.ts";
import {
  createResourceService,
  type ResourceContext,
  type ResourceService,
} from "../resources/resource-service.ts";
import type { Caller } from "./agent-store.ts";
import type { OnceKey } from "./once.ts";
import type { SkillPlace } from "./skill-storage.ts";

/** Loaded by the first skill. */
const storage = () => import("./skill-storage.ts");

/** Reading an upload: waiting for a thread included, and its own; ms. Memory in MiB. */
const READ = { timeoutMs: 60_000, runMs: 15_000, memoryMib: 256 } as const;

/** A version of a skill with its files. */
export interface SkillVersion {
  readonly row: ResourceRow<SkillInput>;
  readonly tree: SkillTree;
}

/** Skills of all tenants. */
export interface SkillService {
  /** Records, versions and lists as of other kinds. */
  readonly records: ResourceService<SkillInput>;
  /** @throws INVALID, BODY_TOO_LARGE naming the entry and the limit; CONFLICT for a name that is taken. */
  create(caller: Caller, body: SkillBody, key: OnceKey | null): Promise<ResourceRow<SkillInput>>;
  /** The next version; the same one when the files are the same. @throws as `create`. */
  replace(
    caller: Caller,
    id: string,
    body: SkillBody,
    ifMatch: number | null,
  ): Promise<ResourceRow<SkillInput>>;
  /** A version, default the current one. @throws NOT_FOUND. */
  files(tenant: string, id: string, version: number | null): Promise<SkillVersion>;
  /** The bytes of a file of it. */
  pieces(tenant: string, id: string, file: SkillFile): AsyncGenerator<Uint8Array>;
}

/** Removes the files of a skill that no kept version has. */
export type SweepSkill = (place: SkillPlace) => Promise<void>;

/**
 * The service.
 * @param context `sweep`: default is at once.
 */
export function createSkillService(
  context: ResourceContext & {
    readonly compute: Compute;
    /** Of the files of a tenant's skills. */
    readonly bytesMax: number;
    readonly sweep?: SweepSkill;
  },
): SkillService {
  const { compute, system, bytesMax } = context;
  const { sweep = async (place) => (await storage()).sweep(place) } = context;
  const { tables } = system;
  const records = createResourceService(context, skillKind, skillRules(sweep));
  const read = async ({ tenant }: Caller, body: SkillBody): Promise<ReadSkill> => {
    const bytes = new Uint8Array(new SharedArrayBuffer(body.bytes.length));
    bytes.set(body.bytes);
    const input: SkillBody = { type: body.type, bytes };
    try {
      return (await compute.run(readSkillTaskName, input, { tenant, ...READ })) as ReadSkill;
    } catch (cause) {
      throw uploadError(cause);
    }
  };
  return {
    records,
    create: async (caller, body, key) => {
      const skill = await read(caller, body);
      const { tenant } = caller;
      return await records.create(caller, skill.input, key, async (id) => [
        ...(await (await storage()).filesToStore({ tables, tenant, id }, skill, bytesMax)),
        { type: "put", table: skillTables.names, id: skill.input.name, value: { id } },
      ]);
    },
    replace: async (caller, id, body, ifMatch) => {
      // Nobody unpacks for a skill that is not there.
      await records.get(caller.tenant, id);
      const skill = await read(caller, body);
      const place = { tables, tenant: caller.tenant, id };
      const beside = async () => (await storage()).filesToStore(place, skill, bytesMax);
      return await records.replace(caller, id, skill.input, ifMatch, beside);
    },
    files: async (tenant, id, version) => {
      const row = await (version === null
        ? records.get(tenant, id)
        : records.version(tenant, id, version));
      return { row, tree: await (await storage()).treeOf({ tables, tenant, id }, row.record.tree) };
    },
    pieces: async function* (tenant, id, file) {
      yield* (await storage()).piecesOf({ tables, tenant, id }, file);
    },
  };
}

function skillRules(sweep: SweepSkill): ResourceRules<SkillInput> {
  return {
    async check({ name }, place) {
      if (place.id === null) {
        await (await storage()).endRemovals(place, sweep);
        await checkFree(place, name);
      } else await checkKept(place, name);
    },
    withRemoved: ({ name }, id): readonly TableWrite[] => [
      { type: "remove", table: skillTables.names, id: name },
      { type: "put", table: skillTables.removals, id, value: {} },
    ],
    afterDropped: sweep,
  };
}

/** The skill of a tenant that has a name, or null. */
export async function skillNamed(
  { tables, tenant }: { readonly tables: Tables; readonly tenant: string },
  name: string,
): Promise<string | null> {
  if (!/^[a-z0-9-]{1,64}$/.test(name)) return null;
  const row = await tables.get(tenant, skillTables.names, name);
  return row === undefined ? null : (row.value as { readonly id: string }).id;
}

async function checkFree(place: RulePlace, name: string): Promise<void> {
  const id = await skillNamed(place, name);
  if (id === null) return;
  const text = `Skill ${id} has the name ${name} already: PUT /v2/skills/${id} makes its next version.`;
  throw new RuntimeError("CONFLICT", text, { current: { id, name } });
}

/** Agents name skills by their names, which are those of their folders. */
async function checkKept({ tables, tenant, id }: RulePlace, name: string): Promise<void> {
  const row = await tables.get(tenant, skillKind.path, id ?? "");
  const own = (row?.value as ResourceRow<SkillInput> | undefined)?.record.name;
  if (own === name || own === undefined) return;
  const text = `A skill keeps its name: this one is ${own}, and SKILL.md says ${name}.`;
  throw new RuntimeError("INVALID", text, { entry: "SKILL.md" });
}

/** Time and memory of its own are the upload's fault, and so is what nobody thought of. */
function uploadError(cause: unknown): unknown {
  if (!(cause instanceof RuntimeError)) return cause;
  const { code, details } = cause;
  const why =
    code === "DEADLINE" && details?.["phase"] === "running"
      ? `takes longer than ${READ.runMs / 1_000} s`
      : code === "TASK_MEMORY"
        ? `needs more than ${READ.memoryMib} MiB of memory`
        : null;
  if (why === null) return cause;
  const text = `Reading the upload ${why}. Send fewer or smaller files.`;
  return new RuntimeError("INVALID", text, undefined, { cause });
}
