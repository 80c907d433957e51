// Integrations of the configuration as tenants find them: beside their own, whose names win, and unchangeable.

import type { Integration } from "../../actors/records/integration.ts";
import type { OperatorIntegration } from "../config-integrations.ts";

/** Looks them up. */
export interface OperatorIntegrations {
  /** Undefined for one that is not there, or not for this tenant. */
  get(tenant: string, name: string): Integration | undefined;
  /** In the order of their names. */
  list(tenant: string): readonly Integration[];
}

/** Those of the configuration. */
export function operatorIntegrations(
  configured: readonly OperatorIntegration[],
): OperatorIntegrations {
  const isFor = ({ tenants }: OperatorIntegration, tenant: string): boolean =>
    tenants.includes("*") || tenants.includes(tenant);
  return {
    get: (tenant, name) =>
      configured.find((one) => one.integration.name === name && isFor(one, tenant))?.integration,
    list: (tenant) =>
      configured
        .filter((one) => isFor(one, tenant))
        .map(({ integration }) => integration)
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** Whether the operator set it: its row was never stored. */
export function isOperators({ created_at }: Pick<Integration, "created_at">): boolean {
  return created_at === "";
}
