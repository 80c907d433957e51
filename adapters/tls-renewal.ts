// Takes a new certificate while the server runs: when its files change, or at SIGHUP. What cannot be
// served leaves the old one in place, and is told once.

import { systemTenant } from "../actors/records/api-key.ts";
import type { Log } from "../runtime/log.ts";
import type { Tables } from "../runtime/system.ts";
import { byServer } from "./audit/act.ts";
import { auditWrites } from "./audit/audit-writes.ts";
import { lookAgain } from "./file-looks.ts";
import type { Server } from "./http/server.ts";
import { readTlsPair, type TlsPair } from "./tls-pair.ts";

/** So long before its end a certificate that nobody renewed is told of, and then each day. */
const WARN_MS = 14 * 24 * 3_600_000;
const TELL_MS = 24 * 3_600_000;

/** What it works with. */
export interface TlsRenewalOptions {
  /** The one that is served. */
  readonly pair: TlsPair;
  readonly server: Server;
  readonly log: Log;
  readonly tables: Pick<Tables, "write">;
}

/** Begins to look. @returns what ends it. */
export function keepTls({ pair, server, log, tables }: TlsRenewalOptions): () => void {
  let served = pair;
  let complaint = "";
  let toldAtMs = 0;

  const tellOfEnd = (): void => {
    const leftMs = served.notAfter.getTime() - Date.now();
    if (leftMs > WARN_MS || Date.now() - toldAtMs < TELL_MS) return;
    toldAtMs = Date.now();
    log.write("warn", `The certificate ends on ${served.notAfter.toISOString()}: renew it.`, {
      file: served.certFile,
    });
  };
  const renew = async (): Promise<void> => {
    const next = await readTlsPair(served);
    complaint = "";
    if (next.digest === served.digest) return;
    await server.renew?.(next);
    served = next;
    toldAtMs = 0;
    log.write("warn", "A new certificate is served.", {
      ...{ subject: next.subject, not_after: next.notAfter.toISOString() },
    });
    const details = { subject: next.subject, not_after: next.notAfter.toISOString() };
    const what = { action: "tls.reload", subject: "tls", details };
    await tables.write(systemTenant, auditWrites(byServer, what));
  };
  const look = async (): Promise<void> => {
    try {
      await renew();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (why !== complaint) {
        log.write("error", `The certificate is kept, the new one cannot be served: ${why}`);
      }
      complaint = why;
    }
    tellOfEnd();
  };
  tellOfEnd();
  return lookAgain(look, () => {
    complaint = "";
  });
}
