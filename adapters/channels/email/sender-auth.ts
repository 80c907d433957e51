// Whether the sender is who the mail says. There is no signature to check here: our own mail server has
// checked DKIM and DMARC and has written down what it found (RFC 8601). Only what it wrote itself counts,
// which is the topmost header under its name; it removes those that strangers bring along.

import { domainOf } from "./address.ts";
import type { Mail } from "./mail.ts";

/**
 * Whether DMARC passed for the sender's domain, or a DKIM signature of that domain or of one above it.
 * @param authservId the name of our mail server, in lower case; undefined: nobody is trusted.
 */
export function isVerified(mail: Mail, sender: string, authservId: string | undefined): boolean {
  if (authservId === undefined) return false;
  const domain = domainOf(sender);
  const found = mail
    .header("authentication-results")
    .map(withoutComments)
    .find((value) => nameOf(value) === authservId);
  if (found === undefined) return false;
  return found
    .split(";")
    .slice(1)
    .some((result) => passes(result.trim().toLowerCase(), domain));
}

function passes(result: string, domain: string): boolean {
  const [, method] = /^(dmarc|dkim)\s*=\s*pass\b/.exec(result) ?? [];
  if (method === "dmarc") {
    // Where the header does not say of which domain, it is of the one in From: there is no other.
    const of = /\bheader\.from\s*=\s*"?([^\s;"]+)/.exec(result)?.[1];
    return of === undefined || bare(of) === domain;
  }
  if (method !== "dkim") return false;
  const signer = /\bheader\.(?:d|i)\s*=\s*"?([^\s;"]+)/.exec(result)?.[1];
  if (signer === undefined) return false;
  const by = bare(signer);
  return by === domain || (by.includes(".") && domain.endsWith(`.${by}`));
}

const bare = (value: string) => value.slice(value.lastIndexOf("@") + 1).replace(/\.$/, "");

/** `mx.example.com 1` is version 1 of the same name. */
function nameOf(value: string): string {
  return (value.split(";", 1)[0] ?? "").trim().split(/\s/, 1)[0]?.toLowerCase() ?? "";
}

/** Comments may hold anything, "dmarc=pass" too; they nest. */
function withoutComments(value: string): string {
  let depth = 0;
  let out = "";
  for (const char of value) {
    if (char === "(") depth += 1;
    else if (char === ")") depth = Math.max(0, depth - 1);
    else if (depth === 0) out += char;
  }
  return out;
}
