// The rows of all routes, in areas of which each is tested in a file of its own.

import type { Rows } from "../row.ts";
import { a2aRows } from "./a2a.ts";
import { adminRows } from "./admin.ts";
import { agentRows } from "./agents.ts";
import { auditRows } from "./audit.ts";
import { budgetRows } from "./budgets.ts";
import { channelRows } from "./channels.ts";
import { datasetRows } from "./datasets.ts";
import { frontRows } from "./front.ts";
import { guardrailRows } from "./guardrails.ts";
import { knowledgeRows } from "./knowledge.ts";
import { memoryRows } from "./memories.ts";
import { operationsRows } from "./operations.ts";
import { orchestratedRows } from "./orchestrated.ts";
import { packRows } from "./packs.ts";
import { proxyRows } from "./proxy.ts";
import { resourceRows } from "./resources.ts";
import { responseRows } from "./responses.ts";
import { runRows } from "./runs.ts";
import { skillRows } from "./skills.ts";
import { tenantPriceRows } from "./tenant-prices.ts";
import { tenantRows } from "./tenants.ts";
import { tokenRows } from "./tokens.ts";
import { triggerRows } from "./triggers.ts";
import { uiRows } from "./ui.ts";
import { usageRows } from "./usage.ts";
import { vaultRows } from "./vault.ts";

/** The rows of each test file. */
export const areas = {
  a2a: { ...a2aRows, ...uiRows },
  agents: { ...proxyRows, ...agentRows },
  runs: { ...runRows, ...memoryRows, ...responseRows, ...guardrailRows },
  knowledge: {
    ...knowledgeRows,
    ...adminRows,
    ...auditRows,
    ...tenantPriceRows,
    ...usageRows,
    ...budgetRows,
    ...operationsRows,
    ...vaultRows,
    ...tenantRows,
    ...frontRows,
  },
  resources: {
    ...resourceRows,
    ...channelRows,
    ...triggerRows,
    ...orchestratedRows,
    ...skillRows,
    ...tokenRows,
    ...packRows,
    ...datasetRows,
  },
} as const satisfies Readonly<Record<string, Rows>>;
