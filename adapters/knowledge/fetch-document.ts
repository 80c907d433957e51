// A document from the web: through the egress guard, each redirect anew.

import type { DocumentSource } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Egress } from "../egress.ts";

/** Limits of fetching one document. */
export const fetchLimits = {
  bytesMax: 32 * 1_024 * 1_024,
  redirects: 5,
  totalMs: 60_000,
} as const;

const failures = new Set(["PROVIDER_FAILED", "PROVIDER_UNAVAILABLE", "DEADLINE"]);

const ACCEPT =
  "text/html, application/pdf, text/markdown, text/plain, application/vnd.openxmlformats-officedocument.wordprocessingml.document, application/json, text/csv, */*;q=0.5";

/** Whose document it is. */
export interface FetchedBy {
  readonly tenant: string;
  readonly signal: AbortSignal;
}

/**
 * The document at an address.
 * @throws RuntimeError URL_REFUSED; URL_FAILED: it cannot be reached, is too slow or too large, or has no
 *   success to show; CANCELLED.
 */
export async function fetchDocument(
  egress: Egress,
  address: string,
  by: FetchedBy,
): Promise<DocumentSource> {
  return await fetched(egress, address, by).catch(ofAddress);
}

async function fetched(
  egress: Egress,
  address: string,
  { tenant, signal }: FetchedBy,
): Promise<DocumentSource> {
  let url = address;
  for (let redirects = 0; redirects <= fetchLimits.redirects; redirects += 1) {
    const { totalMs, bytesMax } = fetchLimits;
    const response = await egress.request({
      ...{ tenant, url, method: "GET" },
      headers: { accept: ACCEPT, "user-agent": "Troupe" },
      signal,
      limits: { totalMs, bytesMax },
      redirects: "show",
    });
    const { status, headers } = response;
    const location = status >= 300 && status < 400 ? headers["location"] : undefined;
    if (typeof location === "string" && URL.canParse(location, url)) {
      response.discard();
      url = new URL(location, url).href;
      continue;
    }
    if (status !== 200) {
      response.discard();
      throw new RuntimeError("URL_FAILED", `The document's address answered ${status}.`, {
        status,
      });
    }
    const pieces: Buffer[] = [];
    await response.read((piece) => pieces.push(Buffer.from(piece)));
    const type = headers["content-type"];
    const name = nameOf(url);
    return {
      bytes: Buffer.concat(pieces),
      ...(name === "" ? {} : { name }),
      ...(typeof type === "string" ? { mediaType: type } : {}),
    };
  }
  throw new RuntimeError(
    "URL_FAILED",
    `The document's address redirects more than ${fetchLimits.redirects} times.`,
  );
}

/** The address is the caller's: that it may not be asked, or fails, is no failure of a provider. */
function ofAddress(error: unknown): never {
  if (!(error instanceof RuntimeError)) throw error;
  const { code, message } = error;
  const details = { ...error.details, pointer: "/url" };
  if (code === "EGRESS_REFUSED") {
    throw new RuntimeError("URL_REFUSED", message, details, { cause: error });
  }
  if (!failures.has(code)) throw error;
  const text = `The document's address cannot be read. ${message}`;
  throw new RuntimeError("URL_FAILED", text, details, { cause: error });
}

/** The last part of the path, as it is where its escapes are none. */
function nameOf(url: string): string {
  const name = new URL(url).pathname.split("/").at(-1) ?? "";
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
