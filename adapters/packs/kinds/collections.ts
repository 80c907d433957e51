// Collections in a pack: the record. Their documents are taken in beside it (documents.ts).

import {
  type Collection,
  type CollectionInput,
  type CollectionPatch,
  collectionInput,
  collectionsTable,
} from "../../../actors/records/collection.ts";
import { Type } from "../../../actors/schema.ts";
import { isSame } from "../../http/services/same.ts";
import { packLimits } from "../limits.ts";
import type { Draft, Fields, Made, PackKind } from "./kind.ts";
import { objectName } from "./object-name.ts";
import { goneIsNull } from "./resource.ts";

const anyObject = Type.Record(Type.String(), Type.Unknown());
const document = Type.Object(
  {
    id: Type.Optional(Type.String({ minLength: 1 })),
    title: Type.Optional(Type.String({ maxLength: 500 })),
    text: Type.Optional(Type.String()),
    file: Type.Optional(Type.String()),
    metadata: Type.Optional(anyObject),
  },
  { additionalProperties: false },
);

const collection = Type.Object(
  {
    key: objectName,
    documents: Type.Optional(Type.Array(document, { maxItems: packLimits.documents })),
  },
  { additionalProperties: true },
);

/** Collections. */
export const collectionsKind: PackKind = {
  section: "collections",
  name: "collection",
  prefix: "cl",
  input: collectionInput,
  outline: collection,
  canBeBare: false,
  create: async (draft, { name, fields }) => {
    const { tenant } = draft.caller;
    const id = draft.newId("cl", name);
    return await madeOf(draft, await draft.knowledge.create(tenant, fields as CollectionInput, id));
  },
  change: async (draft, { fields }, { id }) => {
    const { tenant } = draft.caller;
    const before = await draft.knowledge.get(tenant, id);
    const { name, embedder, metadata = {}, retrieval = {} } = fields as CollectionInput;
    const isEmbedder =
      embedder === undefined || (await embedderOf(draft, embedder)) === before.embedder.id;
    const isUnchanged =
      isEmbedder &&
      name === before.name &&
      isSame(metadata, before.metadata) &&
      isSame(retrieval, before.retrieval);
    if (isUnchanged) return await madeOf(draft, before);
    const patch = {
      name,
      metadata: patchTo(before.metadata, metadata),
      retrieval: patchTo(before.retrieval as Fields, retrieval as Fields),
      ...(isEmbedder ? {} : { embedder }),
    } as CollectionPatch;
    return await madeOf(draft, await draft.knowledge.change(tenant, id, patch, null));
  },
  // Its documents go once the row has gone.
  remove: async ({ tables, caller }, { id }) => {
    await tables.write(caller.tenant, [{ type: "remove", table: collectionsTable, id }]);
  },
  read: async (draft, { id }) => {
    const found = await draft.knowledge.get(draft.caller.tenant, id).catch(goneIsNull);
    return found === null ? null : await madeOf(draft, found);
  },
};

async function embedderOf({ embedders }: Draft, name: string): Promise<string> {
  return (await embedders.find(name)).id;
}

async function madeOf(draft: Draft, collection: Collection): Promise<Made> {
  const { id, name, metadata, retrieval, embedder, version } = collection;
  const isDefault = embedder.id === (await embedderOf(draft, draft.embedders.defaultName));
  const fields = {
    name,
    ...(isDefault ? {} : { embedder: embedder.id }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(Object.keys(retrieval).length === 0 ? {} : { retrieval }),
  };
  return { id, version, fields, parts: {} };
}

/** The merge patch (RFC 7396) that makes one object of another. */
function patchTo(before: Fields, after: Fields): Fields {
  const gone = Object.keys(before).filter((name) => !(name in after));
  const rest = Object.entries(after).map(([name, value]) => {
    const old = before[name];
    return [name, isObject(value) && isObject(old) ? patchTo(old, value) : value] as const;
  });
  return Object.fromEntries([...gone.map((name) => [name, null] as const), ...rest]);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
