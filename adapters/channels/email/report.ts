// Reports of delivery (RFC 3464): a mail server says what became of a mail of ours. Anybody can write one:
// it counts only for a mail that we did send to the person it is about.

import { addressId, headerText } from "./address.ts";
import { emailLimits } from "./limits.ts";
import type { Mail } from "./mail.ts";
import { idsIn, type Marks } from "./message-ids.ts";

/** What a report says of a mail of ours. */
export interface Report {
  readonly receipt: string;
  readonly to: string;
  readonly thread: string;
  readonly state: "delivered" | "sent" | "failed";
  readonly reason: string;
}

/** Whether a mail is a report, and of what. */
export function reportKind(mail: Mail): "delivery" | "other" | null {
  const type = mail.header("content-type")[0]?.trim().toLowerCase() ?? "";
  if (!type.startsWith("multipart/report")) return null;
  return /report-type\s*=\s*"?delivery-status\b/.test(type) ? "delivery" : "other";
}

/** What a delivery report says; null when it is of no mail of ours, or says only that it takes time. */
export function reportOf(mail: Mail, marks: Marks): Report | null {
  if (mail.report === undefined) return null;
  const { status, original } = mail.report;
  const headers = (original.split(/\r?\n\r?\n/, 1)[0] ?? "").replace(/\r?\n[ \t]+/g, " ");
  const [receipt] = idsIn(fieldOf(headers, "message-id"));
  if (receipt === undefined) return null;
  const groups = status.split(/\r?\n\r?\n/).slice(0, emailLimits.reportRecipients);
  for (const group of groups.map((one) => one.replace(/\r?\n[ \t]+/g, " "))) {
    const state = stateOf(fieldOf(group, "action"));
    if (state === null) continue;
    const people = [
      fieldOf(headers, "to"),
      recipientOf(fieldOf(group, "original-recipient")),
      recipientOf(fieldOf(group, "final-recipient")),
    ];
    for (const person of people) {
      const to = addressId(/<([^<>]+)>/.exec(person ?? "")?.[1] ?? person ?? "");
      const thread = to === null ? null : marks.threadOf(receipt, to);
      if (to === null || thread === null) continue;
      return { receipt, to, thread, state, reason: reasonOf(group) };
    }
  }
  return null;
}

function fieldOf(fields: string, name: string): string | undefined {
  for (const line of fields.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0 && line.slice(0, colon).trim().toLowerCase() === name) {
      return line.slice(colon + 1).trim();
    }
  }
  return undefined;
}

/** `rfc822; alice@example.com`. */
function recipientOf(value: string | undefined): string | undefined {
  return value?.slice(value.indexOf(";") + 1).trim();
}

function stateOf(action: string | undefined): Report["state"] | null {
  const word = action?.toLowerCase() ?? "";
  if (word.startsWith("failed")) return "failed";
  if (word.startsWith("delivered")) return "delivered";
  return word.startsWith("relayed") || word.startsWith("expanded") ? "sent" : null;
}

function reasonOf(group: string): string {
  const said = recipientOf(fieldOf(group, "diagnostic-code"));
  const code = fieldOf(group, "status");
  const reason = said ?? (code === undefined ? "no reason was given" : `status ${code}`);
  return headerText(reason, emailLimits.reasonChars);
}
