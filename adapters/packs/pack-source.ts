// A pack as it is sent, and what its file says once everything open in it is filled in: checked as far
// as that goes without looking at a tenant's records, and all that is wrong said at once.

import { collectionLimits } from "../../actors/records/collection.ts";
import type { Static } from "../../actors/schema.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { checkDocumentId } from "../http/services/document-id.ts";
import { isSame } from "../http/services/same.ts";
import { loadValidator, validateAll } from "../http/validate.ts";
import { expand, type Given, secretsIn } from "./expand.ts";
import { fileNamed, fileProblem, type PackFiles } from "./file-path.ts";
import type { Fields, PackKind } from "./kinds/kind.ts";
import { packKinds } from "./kinds/kinds.ts";
import { packLimits } from "./limits.ts";
import { type PackHead, packHead } from "./outline.ts";
import { type PackFile, readPackFile } from "./pack-file.ts";
import { Problems } from "./problems.ts";
import { referencesIn, withIds } from "./references.ts";
import type { packRequest } from "./schemas.ts";
import { checkSecretPlaces } from "./secret-places.ts";

/** What is sent. */
export type PackRequest = Static<typeof packRequest>;

/** What is kept of it: no secret. */
export type PackSource = Omit<PackRequest, "secrets">;

/** A document of a collection. */
export interface PackDocument {
  readonly id: string;
  readonly title: string | null;
  readonly text: string;
  readonly metadata: Fields | null;
}

/** An object of a pack. */
export interface PackObject {
  readonly name: string;
  readonly kind: PackKind;
  /** Where it stands in the file. */
  readonly pointer: string;
  /** As its kind takes it, but for references. */
  readonly fields: Fields;
  /** Of a collection. */
  readonly documents: readonly PackDocument[];
}

/** A pack that was read. */
export interface Pack {
  readonly name: string;
  readonly label: string | null;
  readonly description: string | null;
  readonly objects: readonly PackObject[];
  /** Secrets that it refers to, and those that were not sent. */
  readonly secrets: ReadonlySet<string>;
  readonly missing: ReadonlySet<string>;
  readonly problems: Problems;
}

/** Stands for a secret that was not sent. */
export const KEEP = "***";

/**
 * Reads a pack.
 * @throws INVALID with `details.problems` for what has no shape; else they are in `problems`.
 */
export async function readPack(request: PackRequest): Promise<Pack> {
  checkSizes(request);
  await loadValidator();
  const file = await readPackFile(request.source, request.file ?? "pack.yaml");
  const problems = new Problems(file.placeOf);
  for (const finding of validateAll(packHead, file.value)) {
    problems.add(finding.pointer, finding.message, finding.code);
  }
  problems.check();
  const head = file.value as PackHead;
  const parameters = parametersOf(head.parameters ?? {}, request.parameters ?? {}, problems);
  const missing = new Set<string>();
  const given: Given = { parameters, secrets: request.secrets ?? {}, keep: KEEP };
  const objects = objectsOf(file, given, { problems, missing, files: request.files ?? {} });
  checkNames(objects, problems);
  checkShapes(objects, problems);
  const { pack: name, version: label = null, description = null } = head;
  const secrets = secretsIn(file.value);
  return { name, label, description, objects, secrets, missing, problems };
}

function checkSizes({ files = {}, secrets = {} }: PackRequest): void {
  const bytes = Object.values(files).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes > packLimits.filesBytes) {
    const text = `The files of the pack have ${bytes} bytes; the limit is ${packLimits.filesBytes}.`;
    throw new RuntimeError("BODY_TOO_LARGE", text);
  }
  for (const [what, given] of Object.entries({ files, secrets })) {
    const most = what === "files" ? packLimits.files : packLimits.secrets;
    if (Object.keys(given).length <= most) continue;
    throw new RuntimeError("INVALID", `A pack has at most ${most} ${what}.`, {
      pointer: `/${what}`,
    });
  }
}

type Declared = NonNullable<PackHead["parameters"]>;

/** Values of all parameters. */
function parametersOf(declared: Declared, sent: Fields, problems: Problems): Fields {
  for (const name of Object.keys(sent)) {
    if (Object.hasOwn(declared, name)) continue;
    const there = Object.keys(declared).join(", ") || "none";
    throw new RuntimeError("INVALID", `There is no parameter ${name.slice(0, 64)} (${there}).`, {
      pointer: "/parameters",
    });
  }
  const values = Object.entries(declared).map(([name, { type, enum: choices, ...rest }]) => {
    const pointer = `/parameters/${name}`;
    const isSent = Object.hasOwn(sent, name);
    const value = isSent ? sent[name] : rest.default;
    if (value === undefined) problems.add(pointer, `The parameter ${name} has to be given.`);
    else if (!isOf(type, value)) problems.add(pointer, `The parameter ${name} must be: ${type}.`);
    else if (choices !== undefined && !choices.some((one) => isSame(one, value))) {
      problems.add(pointer, `The parameter ${name} is one of ${JSON.stringify(choices)}.`);
    }
    return [name, value];
  });
  return Object.fromEntries(values);
}

function isOf(type: string, value: unknown): boolean {
  switch (type) {
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "integer":
      return Number.isSafeInteger(value);
    case "number":
      return typeof value === "number" && Number.isFinite(value);
    default:
      return typeof value === type;
  }
}

interface Reading {
  readonly problems: Problems;
  readonly missing: Set<string>;
  readonly files: PackFiles;
}

function objectsOf(file: PackFile, given: Given, reading: Reading): readonly PackObject[] {
  const { problems, missing, files } = reading;
  const sections = file.value as Readonly<Record<string, readonly Fields[] | null | undefined>>;
  const objects: PackObject[] = [];
  let parts = 0;
  for (const kind of packKinds) {
    for (const [at, sent] of (sections[kind.section] ?? []).entries()) {
      const pointer = `/${kind.section}/${at}`;
      checkSecretPlaces(sent, pointer, problems);
      const value = expand(sent, given, { problems, pointer, missing }) as Fields;
      const { key, documents, ...said } = value;
      const fields = kind.filled?.(said, { files, problems, pointer }) ?? said;
      const list = kind.parts === undefined ? undefined : fields[kind.parts];
      parts += 1 + (Array.isArray(list) ? list.length : 0);
      const ofCollection = kind.section === "collections" ? (documents ?? []) : [];
      objects.push({
        ...{ name: String(key), kind, pointer, fields },
        documents: documentsOf(ofCollection as readonly Fields[], `${pointer}/documents`, reading),
      });
    }
  }
  if (parts > packLimits.objects) {
    problems.add("", `A pack has at most ${packLimits.objects} objects; these are ${parts}.`);
  }
  const count = objects.reduce((sum, { documents }) => sum + documents.length, 0);
  if (count > packLimits.documents) {
    problems.add("", `A pack has at most ${packLimits.documents} documents; these are ${count}.`);
  }
  return objects;
}

function documentsOf(
  list: readonly Fields[],
  pointer: string,
  { problems, files }: Reading,
): readonly PackDocument[] {
  const taken = new Set<string>();
  return list.flatMap((sent, at) => {
    const place = `${pointer}/${at}`;
    const { id, title, text, file, metadata } = sent as Readonly<
      Record<string, string | undefined>
    >;
    if ((text === undefined) === (file === undefined)) {
      problems.add(place, "A document has either a text or a file.");
      return [];
    }
    const content = text ?? fileNamed(file ?? "", files);
    if (content === undefined) {
      problems.add(`${place}/file`, fileProblem(file ?? ""));
      return [];
    }
    const name = id ?? file;
    if (name === undefined) {
      problems.add(place, "A document that is written here needs an id.");
      return [];
    }
    try {
      checkDocumentId(name, "/id");
    } catch (error) {
      problems.take(error, place);
    }
    if (taken.has(name)) problems.add(place, `Another document has the id ${name}.`);
    taken.add(name);
    if (content.length === 0 || content.length > collectionLimits.textChars) {
      problems.add(place, `A document has 1 to ${collectionLimits.textChars} characters.`);
    }
    const data = (metadata ?? null) as Fields | null;
    return [{ id: name, title: title ?? null, text: content, metadata: data }];
  });
}

/** Whether each is what its kind takes, and whether what it names is there. */
function checkShapes(objects: readonly PackObject[], problems: Problems): void {
  const ids = new Map<string, string>();
  for (const { name, kind, fields } of objects) {
    ids.set(name, `${kind.prefix}_x`);
    const parts = kind.parts === undefined ? [] : ((fields[kind.parts] ?? []) as readonly Fields[]);
    for (const part of parts) ids.set(`${name}/${part["key"]}`, `${kind.partPrefix}_x`);
  }
  for (const { kind, fields, pointer } of objects) {
    for (const { name, pointer: inner } of referencesIn(fields)) {
      if (ids.has(name)) continue;
      problems.add(
        `${pointer}${inner}`,
        `No object of this pack has the key ${name.slice(0, 130)}.`,
      );
      ids.set(name, KEEP);
    }
    for (const finding of validateAll(
      kind.input,
      withIds(fields, { idOf: (name) => ids.get(name), versionOf: () => 1 }),
    )) {
      // What names nothing was said already.
      if (problems.has(`${pointer}${finding.pointer}/ref`)) continue;
      problems.add(`${pointer}${finding.pointer}`, finding.message, finding.code);
    }
  }
}

function checkNames(objects: readonly PackObject[], problems: Problems): void {
  const taken = new Map<string, PackObject>();
  for (const object of objects) {
    const other = taken.get(object.name);
    if (other !== undefined) {
      const text = `Another object, a ${other.kind.name}, has the key ${object.name}.`;
      problems.add(`${object.pointer}/key`, text);
    }
    taken.set(object.name, object);
    const { parts } = object.kind;
    if (parts === undefined) continue;
    const keys = new Set<unknown>();
    for (const [at, part] of ((object.fields[parts] ?? []) as readonly Fields[]).entries()) {
      const place = `${object.pointer}/${parts}/${at}/key`;
      if (keys.has(part["key"])) problems.add(place, `Another one has the key ${part["key"]}.`);
      keys.add(part["key"]);
    }
  }
}
