// Everything that a tenant has, as it is at one moment, written as it is read: POST /admin/tenants/{tn}/export,
// for the operator, and for an owner of that very tenant.
// Loaded when it is first asked for.

import { systemTenant } from "../../../actors/records/api-key.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { auditWrites } from "../../audit/audit-writes.ts";
import { packageVersion } from "../../cli/version.ts";
import { type TenantExport, TenantExports } from "../../tenants/exports.ts";
import { unknownTenant } from "../../tenants/records.ts";
import { auditSourceOf } from "../act.ts";
import type { RouteContext } from "../route.ts";
import type { HttpResponse, ResponseSink } from "../server.ts";
import type { Services } from "../services/services.ts";

/** What it works with. */
export type ExportParts = Pick<Services, "tenants" | "data" | "sealer" | "system">;

/** Those of a server; a few at once. */
export function createTenantExport({
  system,
  tenants,
  data,
  sealer,
}: ExportParts): (context: RouteContext) => Promise<HttpResponse> {
  const exports = new TenantExports();
  return async (context) => {
    const { principal, request } = context;
    const named = context.params["tn"] ?? "";
    // Which others there are is no business of a tenant.
    if (!principal.isServer && named !== principal.tenant) throw unknownTenant(named);
    const { id, status } = await tenants.get(named);
    if (status !== "active" && status !== "suspended") {
      throw new RuntimeError("CONFLICT", `The tenant ${id} is ${status}.`);
    }
    const version = await packageVersion();
    const isForOwner = !principal.isServer;
    const under = await exports.begin({ folder: data, tenant: id, version, isForOwner, sealer });
    // Also when it goes away before the first byte; it may have gone while this was begun.
    request.signal.addEventListener("abort", () => void under.close(), { once: true });
    try {
      request.signal.throwIfAborted();
      const what = { action: "tenant.export", subject: id };
      const audit = isForOwner ? id : systemTenant;
      await system.tables.write(audit, auditWrites(auditSourceOf(context), what));
    } catch (error) {
      await under.close();
      throw error;
    }
    return {
      status: 200,
      headers: {
        "Content-Type": "application/x-ndjson; charset=utf-8",
        "Content-Disposition": `attachment; filename="${id}.ndjson"`,
      },
      stream: (sink) => write(under, sink),
    };
  };
}

async function write(under: TenantExport, sink: ResponseSink): Promise<void> {
  try {
    for await (const piece of under.pieces()) {
      if (!sink.signal.aborted && !sink.write(piece)) await sink.drained;
      if (sink.signal.aborted) return;
    }
  } finally {
    await under.close();
  }
}
