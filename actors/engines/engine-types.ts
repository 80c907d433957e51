// The types of engines: what `config` of each holds.

import type { EngineType } from "../records/engine-type.ts";
import type { TSchema } from "../schema.ts";
import {
  checkPlugin,
  codeAgentConfig,
  managedAgentConfig,
  type PluginConfig,
  pluginConfig,
} from "./agent-configs.ts";
import { checkDirectOps, type DirectOpsConfig, directOpsConfig } from "./direct-ops.ts";

type Config = Readonly<Record<string, unknown>>;

/** A type. */
export interface EngineTypeRules {
  readonly config: TSchema;
  /** What no schema can say. @throws INVALID with the pointer within `config`. */
  check?(config: Config): void;
}

/** All of them. */
export const engineTypeRules: Readonly<Record<EngineType, EngineTypeRules>> = {
  direct_ops: {
    config: directOpsConfig,
    check: (config) => checkDirectOps(config as unknown as DirectOpsConfig),
  },
  code_agent: { config: codeAgentConfig },
  managed_agent: { config: managedAgentConfig },
  plugin: {
    config: pluginConfig,
    check: (config) => checkPlugin(config as unknown as PluginConfig),
  },
};
