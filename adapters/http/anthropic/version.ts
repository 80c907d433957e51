// Which clients speak Anthropic's protocol, and which version of it.

import { RuntimeError } from "../../../runtime/errors.ts";
import type { HttpRequest } from "../server.ts";

/** Those whose streams have named events. The later one has fewer fields, which mean what they did. */
const versions: readonly string[] = ["2023-06-01", "2026-10-21"];
const HEADER = "anthropic-version";

/** Whether the client says that it speaks it: some paths are of another protocol too. */
export function speaksAnthropic(request: Pick<HttpRequest, "header">): boolean {
  return request.header(HEADER) !== undefined;
}

/** A request need not name its version. @throws INVALID for one that is not known. */
export function checkVersion(request: Pick<HttpRequest, "header">): void {
  const version = request.header(HEADER);
  if (version === undefined || versions.includes(version)) return;
  const known = versions.join(" and ");
  const message = `${HEADER}: "${version.slice(0, 40)}" is not known here, only ${known}.`;
  throw new RuntimeError("INVALID", message);
}
