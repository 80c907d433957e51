// The kinds of resources, a line each: its record and its rules. Service, routes, tables, lists,
// versions and the tests that every kind has to pass (test/http/resources) come with the line.

import { promptKind } from "../../../actors/records/prompt.ts";
import { createResourceService, type ResourceContext } from "./resource-service.ts";

/** The services of all kinds. */
export function createResources(context: ResourceContext) {
  return {
    prompts: createResourceService(context, promptKind),
  };
}

/** The services of all kinds. */
export type Resources = ReturnType<typeof createResources>;
