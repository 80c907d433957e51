// The operations of one record of type openapi, as a run has them: what the document said when this version of the
// record was first used. In steps, so that a run that is resumed goes on with what it was told; kept by the record's
// version, so that a document elsewhere that changes is believed when somebody has saved the record again.

import type { RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import type { Compute, Ports } from "../ports.ts";
import { pooled } from "../tools/pooled.ts";
import type { Web } from "../web.ts";
import { type Api, type ApiRead, openApiLimits, openApiTaskName, type ReadApi } from "./api.ts";

/** Table of what was read, by `tl_...`. */
export const openApiTable = "openapi-tools";

/** What is read, and where from. */
export interface ApiSource {
  readonly document?: string;
  readonly url?: string;
  readonly operations: readonly string[];
  readonly server?: string;
}

interface Row {
  readonly version: number;
  readonly api: Api;
}

/** What is needed to read one. */
export interface ReadingParts {
  readonly tenant: string;
  readonly compute: Compute;
  readonly web: Pick<Web, "request">;
}

/**
 * The operations that a configuration names. @throws INVALID with the pointer within the configuration for a document
 * that cannot be used, and what the port of the web throws.
 */
export async function readOperations(
  { tenant, compute, web }: ReadingParts,
  { document, url, operations, server }: ApiSource,
  signal: AbortSignal,
): Promise<Api> {
  const text = document ?? (await fetched(web, { tenant, url: url ?? "", signal }));
  const input: ReadApi = {
    ...{ text, operations },
    ...(server !== undefined && { server }),
    ...(url !== undefined && { url }),
  };
  const { readMs: runMs, readMib: memoryMib } = openApiLimits;
  const options = { tenant, signal, timeoutMs: 3 * runMs, runMs, memoryMib };
  const work = { name: openApiTaskName, input, what: "The document" };
  const read = (await pooled(compute, work, options)) as ApiRead;
  if (read.ok) return read.api;
  const { place, message, isConfig } = read;
  if (isConfig) throw new RuntimeError("INVALID", message, { pointer: place });
  const where = place === "" ? "" : `At ${place.slice(0, 300)} of the document: `;
  const pointer = document === undefined ? "/url" : "/document";
  throw new RuntimeError("INVALID", `${where}${message}`, { pointer, place });
}

async function fetched(
  web: Pick<Web, "request">,
  {
    tenant,
    url,
    signal,
  }: { readonly tenant: string; readonly url: string; readonly signal: AbortSignal },
): Promise<string> {
  const { status, body, isCut } = await web.request({
    ...{ tenant, url, method: "GET", signal },
    headers: { accept: "application/json, application/yaml, text/*" },
    allowedHosts: [new URL(url).hostname.replace(/^\[|\]$/g, "")],
    ...{ timeoutMs: limits.toolMs, bytesMax: openApiLimits.fetchedBytes },
  });
  const why =
    status !== 200
      ? `it answers with ${status}`
      : body === null
        ? "it is no text"
        : isCut
          ? `it has more than ${openApiLimits.fetchedBytes} bytes`
          : null;
  if (why === null) return body ?? "";
  throw new RuntimeError("INVALID", `The document cannot be had: ${why}.`, { pointer: "/url" });
}

/** Those of a version of a record. */
export async function offeredOperations(
  context: RunContext<Ports>,
  {
    key,
    id,
    version,
    source,
  }: {
    readonly key: string;
    readonly id: string;
    readonly version: number;
    readonly source: ApiSource;
  },
): Promise<Api> {
  const { tenant, ports } = context;
  const { api, isNew } = await context.step(
    key,
    async ({ signal }) => {
      const row = (await context.row(openApiTable, id)) as Row | undefined;
      if (row?.version === version) return { api: row.api, isNew: false };
      const { compute, web } = ports;
      return { api: await readOperations({ tenant, compute, web }, source, signal), isNew: true };
    },
    { repeat: "safe", timeoutMs: 2 * limits.toolMs, input: { id, version } },
  );
  if (isNew) context.atEnd((turn) => turn.putRow(openApiTable, id, { version, api } satisfies Row));
  return api;
}
