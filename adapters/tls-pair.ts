// A certificate and its key, read from their files and found to be a pair that can be served now.

import { createHash, createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { RuntimeError } from "../runtime/errors.ts";
import type { TlsConfig } from "./config-tls.ts";

/** A file with more is none of a certificate. */
const BYTES_MAX = 1024 * 1024;

/** A pair. It holds a key: never logged. */
export interface TlsPair extends TlsConfig {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** What the certificate is for, and until when. */
  readonly subject: string;
  readonly notAfter: Date;
  /** Of both files: it changes when one of them does. */
  readonly digest: string;
}

/**
 * Reads the pair.
 * @throws CONFIG_INVALID: a file that cannot be read or is not what it should be, a key of another
 *   certificate, a certificate that has expired or does not hold yet.
 */
export async function readTlsPair(config: TlsConfig): Promise<TlsPair> {
  const [cert, key] = await Promise.all([
    read("tls.cert_file", config.certFile),
    read("tls.key_file", config.keyFile),
  ]);
  const certificate = certificateOf(cert, config.certFile);
  if (!certificate.checkPrivateKey(keyOf(key, config.keyFile))) {
    throw invalid(`tls.key_file: ${config.keyFile} is not the key of ${config.certFile}`);
  }
  const [from, notAfter] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
  if (notAfter.getTime() <= Date.now()) {
    throw invalid(`tls.cert_file: ${config.certFile} has expired on ${notAfter.toISOString()}`);
  }
  if (from.getTime() > Date.now()) {
    throw invalid(`tls.cert_file: ${config.certFile} holds from ${from.toISOString()} on`);
  }
  const subject = certificate.subjectAltName ?? certificate.subject;
  const digest = createHash("sha256").update(cert).update("\0").update(key).digest("hex");
  return { ...config, cert, key, subject, notAfter, digest };
}

async function read(setting: string, path: string): Promise<Buffer> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw invalid(`${setting}: ${path} cannot be read (${cause.code})`, cause);
  });
  if (bytes.length > BYTES_MAX) throw invalid(`${setting}: ${path} has over ${BYTES_MAX} bytes`);
  return bytes;
}

function certificateOf(bytes: Buffer, path: string): X509Certificate {
  try {
    return new X509Certificate(bytes);
  } catch (cause) {
    throw invalid(`tls.cert_file: ${path} is no certificate in PEM`, cause);
  }
}

function keyOf(bytes: Buffer, path: string): KeyObject {
  try {
    return createPrivateKey(bytes);
  } catch (cause) {
    const text = bytes.toString("latin1");
    const why = /ENCRYPTED/.test(text)
      ? "has a passphrase; write it without one, mode 0600"
      : "is no private key in PEM";
    throw invalid(`tls.key_file: ${path} ${why}`, cause);
  }
}

function invalid(text: string, cause?: unknown): RuntimeError {
  return new RuntimeError("CONFIG_INVALID", `${text}.`, undefined, { cause });
}
