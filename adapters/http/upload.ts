// Files sent as multipart/form-data: each file is a document; the fields `id`, `title` and `metadata`
// (JSON) before a file are that file's.

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { collectionLimits } from "../../actors/records/collection.ts";
import { ingestionLimits, type Source } from "../../actors/records/ingestion-job.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { parseJson } from "./body.ts";
import type { HttpRequest } from "./server.ts";
import { checkDocumentId } from "./services/document-id.ts";

/** Limits of an upload. */
export const uploadLimits = {
  files: ingestionLimits.documents,
  fields: 3 * ingestionLimits.documents,
  fieldBytes: collectionLimits.metadataBytes,
  nameChars: 500,
} as const;

/** Whether the request brings files. */
export function isUpload(request: HttpRequest): boolean {
  return (request.header("content-type") ?? "").toLowerCase().startsWith("multipart/form-data");
}

/** The files of a body. @throws INVALID, BODY_TOO_LARGE. */
export async function readUpload(
  request: HttpRequest,
  body: Uint8Array,
): Promise<readonly Source[]> {
  const { Busboy } = await import("@fastify/busboy");
  const upload = new Upload();
  const { files, fields, fieldBytes } = uploadLimits;
  const read = async (): Promise<void> => {
    const busboy = new Busboy({
      headers: { "content-type": request.header("content-type") ?? "" },
      limits: { files, fields, fieldSize: fieldBytes },
    });
    busboy.on("field", (name, value, _nameCut, isCut) => upload.field(name, value, isCut));
    busboy.on("file", (_field, stream, name, _encoding, mediaType) => {
      const pieces: Buffer[] = [];
      const end = upload.file(name, mediaType);
      stream.on("data", (piece: Buffer) => pieces.push(piece));
      stream.on("end", () => end(Buffer.concat(pieces)));
      // A body that ends within a file fails the whole reading below; without a listener it would
      // end the process too.
      stream.on("error", () => undefined);
    });
    busboy.on("filesLimit", () => upload.refuse(`One request brings at most ${files} files.`));
    busboy.on("fieldsLimit", () => upload.refuse(`One request brings at most ${fields} fields.`));
    await pipeline(Readable.from([Buffer.from(body)]), busboy);
  };
  await read().catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : "it cannot be read";
    const text = `The body is no multipart/form-data: ${why}.`;
    throw new RuntimeError("INVALID", text, undefined, { cause });
  });
  return upload.sources();
}

/** What has come of an upload. */
class Upload {
  readonly #sources: Source[] = [];
  #fields: Fields = {};
  #problem: RuntimeError | undefined;

  field(name: string | undefined, value: string, isCut: boolean): void {
    const { fieldBytes } = uploadLimits;
    const shown = name?.slice(0, 40) ?? "without a name";
    if (isCut) this.refuse(`The field ${shown} is longer than ${fieldBytes} bytes.`);
    else if (name !== undefined && isField(name)) this.#fields = { ...this.#fields, [name]: value };
    else this.refuse(`An upload has files and the fields id, title and metadata, not ${shown}.`);
  }

  /** A file begins; the result takes its bytes. */
  file(name: string | undefined, mediaType: string): (bytes: Uint8Array) => void {
    const at = this.#sources.length;
    const file = named((name ?? "").slice(0, uploadLimits.nameChars), mediaType);
    const head = { ...this.#head(), ...file };
    this.#sources.push({ ...head, kind: "file", bytes: new Uint8Array() });
    return (bytes) => {
      this.#sources[at] = { ...head, kind: "file", bytes };
    };
  }

  refuse(message: string): void {
    this.#problem ??= new RuntimeError("INVALID", message);
  }

  /** @throws the first refusal. */
  sources(): readonly Source[] {
    const [first] = this.#sources;
    if (Object.keys(this.#fields).length > 0) {
      // With one file there is no doubt which one is meant.
      if (this.#sources.length === 1 && first) this.#sources[0] = { ...first, ...this.#head() };
      else if (this.#sources.length > 1)
        this.refuse("The fields id, title and metadata come before the file they are of.");
    }
    if (this.#sources.length === 0) {
      this.refuse("The upload has no file: a part is a file when it has a filename.");
    }
    if (this.#problem !== undefined) throw this.#problem;
    return this.#sources;
  }

  /** The fields so far, which are then used up. */
  #head(): Pick<Source, "id" | "title" | "metadata"> {
    const { id, title, metadata } = this.#fields;
    this.#fields = {};
    const { titleChars } = collectionLimits;
    if (id !== undefined) this.#checkId(id);
    if ((title?.length ?? 0) > titleChars)
      this.refuse(`A title has at most ${titleChars} characters.`);
    return {
      ...(id === undefined ? {} : { id }),
      ...(title === undefined ? {} : { title }),
      ...(metadata === undefined ? {} : { metadata: this.#object(metadata) }),
    };
  }

  #checkId(id: string): void {
    try {
      checkDocumentId(id);
    } catch (error) {
      this.#problem ??= error as RuntimeError;
    }
  }

  #object(text: string): Readonly<Record<string, unknown>> {
    try {
      const value = parseJson(Buffer.from(text));
      if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      if (error.code !== "BAD_JSON") this.refuse(`The field metadata: ${error.message}`);
    }
    this.refuse("The field metadata must be a JSON object.");
    return {};
  }
}

interface Fields {
  readonly id?: string;
  readonly title?: string;
  readonly metadata?: string;
}

const isField = (name: string): name is keyof Fields =>
  name === "id" || name === "title" || name === "metadata";

function named(name: string, mediaType: string): Pick<Source, "name" | "mediaType"> {
  return { ...(name === "" ? {} : { name }), ...(mediaType === "" ? {} : { mediaType }) };
}
