// What a run has looked up about the tools it was offered, as its log has it.

import { versionId } from "../records/agent-version.ts";
import { isRecordId } from "../records/tool.ts";
import type { FilesOut } from "./tool-type.ts";

/** Result of the step: current versions of records, and names of agents that tools lead to. */
export interface Found {
  readonly versions: Readonly<Record<string, number>>;
  readonly names: Readonly<Record<string, string>>;
  /** Where one of them may send files. */
  readonly files?: FilesOut;
  /** The session of a channel that the conversation is in, for tools that say something there; null: none. */
  readonly session?: string | null;
}

/** Ids of the versions of tools in the result of any step: [] of another one's. */
export function toolVersionsOf(result: unknown): readonly string[] {
  const { versions, names } = (result ?? {}) as Partial<Record<keyof Found, unknown>>;
  if (typeof versions !== "object" || versions === null || names === undefined) return [];
  return Object.entries(versions).flatMap(([id, version]) =>
    isRecordId(id) && typeof version === "number" ? [versionId(id, version)] : [],
  );
}
