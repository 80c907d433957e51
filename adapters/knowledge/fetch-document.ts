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

const ACCEPT =
  "text/html, application/pdf, text/markdown, text/plain, application/vnd.openxmlformats-officedocument.wordprocessingml.document, application/json, text/csv, */*;q=0.5";

/**
 * The document at an address.
 * @throws RuntimeError URL_REFUSED, PROVIDER_FAILED (no success, too large), PROVIDER_UNAVAILABLE,
 *   DEADLINE, CANCELLED.
 */
export async function fetchDocument(
  egress: Egress,
  address: string,
  signal: AbortSignal,
): Promise<DocumentSource> {
  let url = address;
  for (let redirects = 0; redirects <= fetchLimits.redirects; redirects += 1) {
    const { totalMs, bytesMax } = fetchLimits;
    const asked = egress.request({
      url,
      method: "GET",
      headers: { accept: ACCEPT, "user-agent": "Troupe" },
      signal,
      limits: { totalMs, bytesMax },
      redirects: "show",
    });
    const response = await asked.catch(refuseToCaller);
    const { status, headers } = response;
    const location = status >= 300 && status < 400 ? headers["location"] : undefined;
    if (typeof location === "string" && URL.canParse(location, url)) {
      response.discard();
      url = new URL(location, url).href;
      continue;
    }
    if (status !== 200) {
      response.discard();
      throw new RuntimeError("PROVIDER_FAILED", `The address answered ${status}.`, { status });
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
    "PROVIDER_FAILED",
    `The address redirects more than ${fetchLimits.redirects} times.`,
  );
}

/** The address is the caller's: that it may not be asked is no failure of the server. */
function refuseToCaller(error: unknown): never {
  if (!(error instanceof RuntimeError) || error.code !== "EGRESS_REFUSED") throw error;
  const details = { ...error.details, pointer: "/url" };
  throw new RuntimeError("URL_REFUSED", error.message, details, { cause: error });
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
