// The types of engines: what `config` of each holds.

import type { EngineType } from "../records/engine.ts";
import { type TSchema, Type } from "../schema.ts";
import { checkDirectOps, type DirectOpsConfig, directOpsConfig } from "./direct-ops.ts";

type Config = Readonly<Record<string, unknown>>;

/** A type. */
export interface EngineTypeRules {
  readonly config: TSchema;
  /** What no schema can say. @throws INVALID with the pointer within `config`. */
  check?(config: Config): void;
}

const any = Type.Record(Type.String(), Type.Unknown());

/** All of them. */
export const engineTypeRules: Readonly<Record<EngineType, EngineTypeRules>> = {
  direct_ops: {
    config: directOpsConfig,
    check: (config) => checkDirectOps(config as unknown as DirectOpsConfig),
  },
  code_agent: { config: any },
  managed_agent: { config: any },
  plugin: { config: any },
};
