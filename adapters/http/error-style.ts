// How an error looks to whom it is told: its route says so; of a path that no route knows the surface it lies
// in; and where two protocols share a path, the client.

import { speaksAnthropic } from "./anthropic/version.ts";
import type { ErrorStyle, Route } from "./route.ts";
import type { HttpRequest } from "./server.ts";

/** @param route null when none was found. */
export function errorStyle(
  route: Pick<Route, "errors"> | null,
  request: Pick<HttpRequest, "header" | "path">,
): ErrorStyle {
  const style = route?.errors ?? styleOf(request.path);
  return style === "openai" && speaksAnthropic(request) ? "anthropic" : style;
}

function styleOf(path: string): ErrorStyle {
  if (path.startsWith("/v1/proxy/")) return "envelope";
  if (path.startsWith("/v1/messages")) return "anthropic";
  return path.startsWith("/v1/") ? "openai" : "problem";
}
