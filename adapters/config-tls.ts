// The settings of TLS.

import { resolve } from "node:path";
import { choice } from "./config-field.ts";

const file = (text: string, env: string) =>
  ({ type: "text", text, env, default: null as string | null, charsMax: 4_000 }) as const;

/** The group `tls`. */
export const tlsGroup = {
  type: "group",
  text: "TLS at the port: with both files it speaks https and nothing else.",
  fields: {
    certFile: file(
      "PEM file: the certificate, then those between it and its root.",
      "TROUPE_TLS_CERT",
    ),
    keyFile: file("PEM file of its private key, without a passphrase.", "TROUPE_TLS_KEY"),
    minVersion: choice(
      "Least version of TLS. `1.3` is served by node:http, which takes fewer requests a second.",
      ["1.2", "1.3"],
      "1.2",
    ),
  },
} as const;

/** TLS as it is to be served. */
export interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  readonly minVersion: "1.2" | "1.3";
}

/** From the settings; null for none. What is half said is a problem. */
export function tlsOf(
  values: {
    readonly certFile: string | null;
    readonly keyFile: string | null;
    readonly minVersion: "1.2" | "1.3";
  },
  folder: string,
  problems: string[],
): TlsConfig | null {
  const { certFile, keyFile, minVersion } = values;
  if (certFile === null && keyFile === null) return null;
  if (certFile === null || keyFile === null) {
    problems.push("tls: cert_file and key_file belong together; one is missing");
    return null;
  }
  return { certFile: resolve(folder, certFile), keyFile: resolve(folder, keyFile), minVersion };
}
