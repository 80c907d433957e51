// A browser that signs in is told in the audit before it has its cookie.

import type { Tables } from "../../runtime/system.ts";
import { auditWrites } from "../audit/audit-writes.ts";
import { auditSourceOf } from "./act.ts";
import type { SignedIn } from "./login.ts";

/** Writes the row. The operator's sessions are told in the tenant they begin in. */
export function signInAudit(tables: Tables): SignedIn {
  return async (context, principal) => {
    const source = auditSourceOf({ ...context, principal });
    const what = { action: "session.open", subject: source.by } as const;
    await tables.write(principal.tenant, auditWrites(source, what));
  };
}
