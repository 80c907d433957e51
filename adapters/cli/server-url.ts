// The address of the server that a configuration starts.

import type { Config } from "../config.ts";

/** An address that listens on everything is reached here by the loopback's. */
export function serverUrl({ host, port, tls }: Pick<Config, "host" | "port" | "tls">): string {
  const name = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  const scheme = tls === null ? "http" : "https";
  return `${scheme}://${name.includes(":") ? `[${name}]` : name}:${port}`;
}
