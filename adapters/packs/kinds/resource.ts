// Prompts, tools, teams and workflows in a pack: resources, each by the service of its kind.

import type { ResourceKind, ResourceRow } from "../../../actors/records/resource.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Resources } from "../../http/resources/kinds.ts";
import { fieldsOf, type ResourceService } from "../../http/resources/resource-service.ts";
import type { Draft, Fields, Made, PackKind } from "./kind.ts";

/** A kind of resource as a kind of packs. */
export function resourceKind<Input extends object>(
  kind: ResourceKind<Input>,
  more: Pick<PackKind, "uses"> = {},
): PackKind {
  // Each takes what its own schema lets through, which the types of several kinds cannot say at once.
  const serviceIn = ({ resources }: Draft) =>
    resources.kinds[kind.path as keyof Resources["kinds"]] as unknown as ResourceService<Fields>;
  return {
    ...{ section: kind.path, name: kind.name, prefix: kind.prefix, input: kind.input },
    canBeBare: false,
    ...more,
    create: async (draft, { fields }) =>
      madeOf(kind, await serviceIn(draft).create(draft.caller, fields, null)),
    change: async (draft, { fields }, { id }) =>
      madeOf(kind, await serviceIn(draft).replace(draft.caller, id, fields, null)),
    remove: (draft, { id }) => serviceIn(draft).remove(draft.caller, id, null),
    read: async (draft, { id }) => {
      const row = await serviceIn(draft).get(draft.caller.tenant, id).catch(goneIsNull);
      return row === null ? null : madeOf(kind, row);
    },
  };
}

/** @throws everything but that there is no such record. */
export function goneIsNull(error: unknown): null {
  if (error instanceof RuntimeError && error.code === "NOT_FOUND") return null;
  throw error;
}

function madeOf<Input extends object>(kind: ResourceKind<Input>, row: ResourceRow<Fields>): Made {
  const shown = (kind.shown?.(row.record) ?? row.record) as Fields;
  const names = fieldsOf(kind).filter((name) => shown[name] != null);
  const fields = Object.fromEntries(names.map((name) => [name, shown[name]]));
  // A link may name a version, "pr_x@3".
  const links = Object.values(row.links ?? {}).map((link) => link.split("@", 1)[0] ?? link);
  return { id: row.record.id, version: row.version, fields, parts: {}, links };
}
