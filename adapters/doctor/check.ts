// What a check of `troupe doctor` is given and what it finds. A part of the server that can be wrong by
// what surrounds it has a check here, one file each, named in checks.ts.

import type { Config } from "../config.ts";

/** What is so, how bad it is, and what to do. */
export interface Finding {
  readonly level: "ok" | "warning" | "error";
  /** One sentence; never a secret. */
  readonly what: string;
  /** How it is put right; null when nothing is to be done. */
  readonly fix: string | null;
}

/** What checks look at. */
export interface Patient {
  /** Null: it has errors, which the check of the configuration tells. */
  readonly config: Config | null;
  readonly configError: unknown;
  /** The data folder, which need not be there. */
  readonly data: string;
  /** Process that has the folder open; null: no server runs on it. */
  readonly owner: number | null;
  /** GETs a path of the running server as its operator. Null: none runs, or its address is not known. */
  readonly ask: Ask | null;
}

/** A GET, or a POST with a body that changes nothing; in a tenant, where one is named. */
export type Ask = (
  path: string,
  more?: { readonly body?: unknown; readonly tenant?: string },
) => Promise<unknown>;

/** One check. What it throws becomes an error of its name. */
export interface Check {
  /** Name of its lines. */
  readonly name: string;
  run(patient: Patient): Promise<readonly Finding[]>;
}

/** All is well. */
export const ok = (what: string): Finding => ({ level: "ok", what, fix: null });

/** The server works, and may not for long. */
export const warning = (what: string, fix: string): Finding => ({ level: "warning", what, fix });

/** The server does not work, or not as it should. */
export const error = (what: string, fix: string): Finding => ({ level: "error", what, fix });

/** The words of what was thrown. */
export const wordsOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);
