// Certificates for tests, made by openssl.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServerTls } from "../../adapters/http/server.ts";

/** A certificate for 127.0.0.1 and localhost that signs itself. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** As a server takes it. */
  readonly tls: ServerTls;
}

/** Makes certificates in a folder of its own. */
export function createCertificates(): {
  readonly folder: string;
  /** @param days it holds; 0 or less: it has expired. */
  make(name: string, days?: number): Certificate;
  end(): void;
} {
  const folder = mkdtempSync(join(tmpdir(), "troupe-tls-"));
  return {
    folder,
    make: (name, days = 30) => {
      const [certFile, keyFile] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
      const now = Date.now();
      const at = (ms: number): string => new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, "");
      const day = 24 * 3_600_000;
      const config = join(folder, "ca.cnf");
      if (!existsSync(config)) writeCa(folder, config);
      const request = join(folder, `${name}.csr`);
      const openssl = (...args: readonly string[]): void => {
        execFileSync("openssl", args, { stdio: "pipe" });
      };
      openssl(
        ...["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
        ...["-keyout", keyFile, "-out", request, "-subj", `/CN=${name}`],
      );
      openssl(
        ...["ca", "-batch", "-selfsign", "-config", config, "-in", request, "-keyfile", keyFile],
        ...["-out", certFile, "-notext", "-extensions", "names"],
        ...["-startdate", at(now - 40 * day), "-enddate", at(now + days * day)],
      );
      const tls: ServerTls = {
        ...{ certFile, keyFile, minVersion: "1.2" },
        ...{ cert: readFileSync(certFile), key: readFileSync(keyFile) },
      };
      return { certFile, keyFile, tls };
    },
    end: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function writeCa(folder: string, config: string): void {
  writeFileSync(join(folder, "index.txt"), "");
  const lines = [
    "[ca]",
    "default_ca = own",
    "[own]",
    `database = ${join(folder, "index.txt")}`,
    `new_certs_dir = ${folder}`,
    "rand_serial = yes",
    "default_md = sha256",
    "policy = any",
    "unique_subject = no",
    "[any]",
    "commonName = supplied",
    "[names]",
    "subjectAltName = DNS:localhost, IP:127.0.0.1",
  ];
  writeFileSync(config, `${lines.join("\n")}\n`);
}
