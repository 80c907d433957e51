// A kind of resource: records that a client creates, changes and removes under one path, all by the
// same code (adapters/http/resources). What a kind is, is said here as data; a worker that runs
// something reads its versions from the same tables.
//
//   <path>              id      ResourceRow, the current one
//   <path>-versions     id.n    ResourceRow, never changed
//   <path>-histories    id      ResourceHistory: which versions are kept, and why each was made

import type { TSchema } from "../schema.ts";
import type { VersionEntry } from "./agent-version.ts";

/** A kind of resource. */
export interface ResourceKind<Input extends object> {
  /** "team": in messages, `Team tm_x does not exist.` */
  readonly name: string;
  /** "teams": /v2/teams, the service of its keys, and its tables. */
  readonly path: string;
  /** "tm": ids are `tm_...`. */
  readonly prefix: string;
  /**
   * What a client sets: an object schema without additional properties, with `name`. A field that is
   * optional in it may also be sent as null, which unsets it.
   */
  readonly input: TSchema;
  /** Fields that `?q=` looks in; texts. */
  readonly searched: readonly (keyof Input & string)[];
  /** Fields that `?field=value` compares: texts, numbers, booleans, or lists of them. */
  readonly filters: readonly (keyof Input & string)[];
  /** Fields of `?sort=field` and `?sort=-field`, besides `created_at` and `updated_at`. */
  readonly sorts: readonly (keyof Input & string)[];
  /** Records a tenant may have. */
  readonly max: number;
  /** What fields have that are not set. Default: they are null. */
  readonly defaults?: Partial<Input>;
  /** The fields as readers get them, without secrets. Default: as they are stored. */
  shown?<Fields extends object>(fields: Fields): Fields;
  /**
   * The fields as they are stored: what `shown` has hidden and is sent so is as before. They may not fit the schema yet.
   * @param before undefined for a new record. @throws INVALID with the pointer.
   */
  stored?<Fields extends object>(sent: Fields, before: object | undefined): Fields;
}

/** What the server adds to a record. Times are ISO 8601. */
export interface ResourceStamp {
  readonly id: string;
  readonly version: number;
  readonly created_at: string;
  readonly updated_at: string;
}

/** A stored resource: what the client set, with the defaults of the kind. */
export type ResourceRecord<Input> = Input & ResourceStamp;

/** A resource at one version. */
export interface ResourceRow<Input> {
  readonly record: ResourceRecord<Input>;
  readonly version: number;
  /** Other records it names: where or as what, and their ids. They cannot be removed meanwhile. */
  readonly links?: Readonly<Record<string, string>>;
}

/** The kept versions of a resource, ascending. */
export interface ResourceHistory {
  readonly versions: readonly VersionEntry[];
}

/** Names of the tables above. Rows of versions lie under `versionId(id, n)`. */
export function resourceTables({ path }: Pick<ResourceKind<object>, "path">): {
  readonly current: string;
  readonly versions: string;
  readonly histories: string;
} {
  return { current: path, versions: `${path}-versions`, histories: `${path}-histories` };
}
