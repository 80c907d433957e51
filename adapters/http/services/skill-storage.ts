// The files of skills in the tenant's tables. Contents are stored once for each skill, under their
// digest: a version adds what is new, and what no kept version has is swept away after versions go.
// All of it happens while no other record of the tenant changes.

import { versionId } from "../../../actors/records/agent-version.ts";
import type { ResourceHistory, ResourceRow } from "../../../actors/records/resource.ts";
import { resourceTables } from "../../../actors/records/resource.ts";
import {
  pieceId,
  type SkillBlob,
  type SkillFile,
  type SkillInput,
  type SkillTree,
  skillBytesCounter,
  skillLimits,
  skillRowId,
  skillTables,
} from "../../../actors/records/skill.ts";
import { skillKind } from "../../../actors/records/skill-kind.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables, TableWrite } from "../../../runtime/system.ts";

/** A skill of a tenant. */
export interface SkillPlace {
  readonly tables: Tables;
  readonly tenant: string;
  readonly id: string;
}

/** A skill that was read. */
export interface SkillContents {
  readonly input: Pick<SkillInput, "tree">;
  readonly tree: SkillTree;
  /** The bytes of all files, in the order of the tree. */
  readonly contents: Uint8Array;
}

const kindTables = resourceTables(skillKind);
/** Rows removed in one write, and rows looked at in one read. */
const REMOVED_AT_ONCE = 400;
const ROWS_AT_ONCE = 200;
/** A tree has a row of a good size. */
const TREES_AT_ONCE = 20;
/** Removals that were cut off and are ended by the next creation. */
const REMOVALS_AT_ONCE = 10;

/**
 * The rows of a version's files that are not there yet.
 * @param bytesMax of the files of a tenant's skills together.
 * @throws CONFLICT when the tenant's files would have more bytes than they may.
 */
export async function filesToStore(
  place: SkillPlace,
  { input, tree, contents }: SkillContents,
  bytesMax: number,
): Promise<readonly TableWrite[]> {
  const { tables, tenant, id } = place;
  const { trees, blobs, files } = skillTables;
  const writes: TableWrite[] = [
    { type: "put", table: trees, id: skillRowId(id, input.tree), value: tree },
  ];
  const seen = new Set<string>();
  let at = 0;
  let added = 0;
  for (const file of tree.files) {
    const bytes = contents.subarray(at, at + file.bytes);
    at += file.bytes;
    const blob = skillRowId(id, file.sha256);
    if (seen.has(blob) || (await tables.get(tenant, blobs, blob)) !== undefined) continue;
    seen.add(blob);
    added += file.bytes;
    const value: SkillBlob = { bytes: file.bytes };
    writes.push({ type: "put", table: blobs, id: blob, value });
    for (let piece = 0; piece * skillLimits.pieceBytes < file.bytes; piece += 1) {
      const from = piece * skillLimits.pieceBytes;
      const part = Uint8Array.from(bytes.subarray(from, from + skillLimits.pieceBytes));
      writes.push({ type: "put", table: files, id: pieceId(id, file.sha256, piece), value: part });
    }
  }
  await checkRoom(place, added, bytesMax);
  if (added > 0) writes.push({ type: "add", counter: skillBytesCounter, delta: added });
  return writes;
}

async function checkRoom(
  { tables, tenant }: SkillPlace,
  added: number,
  most: number,
): Promise<void> {
  if ((await tables.counter(tenant, skillBytesCounter)) + added <= most) return;
  const text = `The files of a tenant's skills, with all kept versions, have at most ${most} bytes; delete a skill first.`;
  throw new RuntimeError("CONFLICT", text, { limit: most });
}

/** The files of a version. @throws NOT_FOUND for one that has just been removed. */
export async function treeOf({ tables, tenant, id }: SkillPlace, tree: string): Promise<SkillTree> {
  const row = await tables.get(tenant, skillTables.trees, skillRowId(id, tree));
  if (row !== undefined) return row.value as SkillTree;
  throw new RuntimeError("NOT_FOUND", `The files of skill ${id} are not kept any more.`);
}

/** The bytes of a file, a piece at a time. @throws NOT_FOUND for one that has just been removed. */
export async function* piecesOf(
  { tables, tenant, id }: SkillPlace,
  { sha256, bytes }: SkillFile,
): AsyncGenerator<Uint8Array> {
  for (let piece = 0; piece * skillLimits.pieceBytes < bytes; piece += 1) {
    const row = await tables.get(tenant, skillTables.files, pieceId(id, sha256, piece));
    if (row !== undefined) yield row.value as Uint8Array;
    else throw new RuntimeError("NOT_FOUND", `The files of skill ${id} are not kept any more.`);
  }
}

/** Ends removals that a stop of the server has cut off. */
export async function endRemovals(
  { tables, tenant }: Pick<SkillPlace, "tables" | "tenant">,
  swept: (place: SkillPlace) => Promise<void>,
): Promise<void> {
  const options = { limit: REMOVALS_AT_ONCE };
  for (const { id } of await tables.list(tenant, skillTables.removals, options)) {
    await swept({ tables, tenant, id });
  }
}

/** Removes what no kept version of a skill has; of a skill that is gone everything. */
export async function sweep(place: SkillPlace): Promise<void> {
  const { tables, tenant, id } = place;
  const { trees, blobs, files } = skillTables;
  const isGone = (await tables.get(tenant, kindTables.current, id)) === undefined;
  const kept = isGone ? new Set<string>() : await keptTrees(place);
  const contents = new Set<string>();
  for (const tree of kept) {
    for (const { sha256 } of (await treeOf(place, tree)).files) contents.add(sha256);
  }
  const remover = removerOf(place);
  for await (const { id: row, value } of rowsOf(place, blobs, ROWS_AT_ONCE)) {
    const sha256 = row.slice(id.length + 1);
    if (contents.has(sha256)) continue;
    const { bytes } = value as SkillBlob;
    const pieces = Math.ceil(bytes / skillLimits.pieceBytes);
    await remover.remove([
      { type: "remove", table: blobs, id: row },
      ...Array.from({ length: pieces }, (_, piece): TableWrite => {
        return { type: "remove", table: files, id: pieceId(id, sha256, piece) };
      }),
      { type: "add", counter: skillBytesCounter, delta: -bytes },
    ]);
  }
  for await (const { id: row } of rowsOf(place, trees, TREES_AT_ONCE)) {
    if (kept.has(row.slice(id.length + 1))) continue;
    await remover.remove([{ type: "remove", table: trees, id: row }]);
  }
  if (isGone) {
    for await (const { id: row } of rowsOf(place, kindTables.versions, ROWS_AT_ONCE)) {
      await remover.remove([{ type: "remove", table: kindTables.versions, id: row }]);
    }
    await remover.remove([
      { type: "remove", table: kindTables.histories, id },
      { type: "remove", table: skillTables.removals, id },
    ]);
  }
  await remover.end();
}

async function keptTrees({ tables, tenant, id }: SkillPlace): Promise<ReadonlySet<string>> {
  const history = await tables.get(tenant, kindTables.histories, id);
  const { versions = [] } = (history?.value ?? {}) as Partial<ResourceHistory>;
  const trees = new Set<string>();
  for (const { version } of versions) {
    const row = await tables.get(tenant, kindTables.versions, versionId(id, version));
    if (row !== undefined) trees.add((row.value as ResourceRow<SkillInput>).record.tree);
  }
  return trees;
}

/** Rows whose ids begin with the skill's. */
async function* rowsOf({ tables, tenant, id }: SkillPlace, table: string, limit: number) {
  let after: string | undefined;
  for (;;) {
    const options = { prefix: `${id}.`, limit, ...(after !== undefined && { after }) };
    const rows = await tables.list(tenant, table, options);
    yield* rows;
    after = rows.at(-1)?.id;
    if (after === undefined || rows.length < limit) return;
  }
}

/** Collects removals, and writes them in batches. */
function removerOf({ tables, tenant }: SkillPlace) {
  let waiting: TableWrite[] = [];
  const end = async (): Promise<void> => {
    const writes = waiting;
    waiting = [];
    if (writes.length > 0) await tables.write(tenant, writes);
  };
  return {
    end,
    remove: async (writes: readonly TableWrite[]): Promise<void> => {
      waiting.push(...writes);
      if (waiting.length >= REMOVED_AT_ONCE) await end();
    },
  };
}
