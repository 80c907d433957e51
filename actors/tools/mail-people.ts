// Who may be written to by mail: the addresses, domains and domains below one that the configuration of a tool names.
// Compared in lower case; letters of other scripts are refused, which look alike and are not.

import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import { type DomainLists, LOCAL as THIS_MACHINE } from "../records/constraints.ts";

const LOCAL = "[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}";
const DOMAIN =
  "(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*";
const ADDRESS = new RegExp(`^${LOCAL}@(${DOMAIN})$`);
const PATTERN = new RegExp(`^(?:${LOCAL}@|\\*\\.)?${DOMAIN}$`);

/** @throws INVALID with the pointer within the configuration. */
export function checkRecipients(patterns: readonly string[]): void {
  for (const [at, pattern] of patterns.entries()) {
    if (PATTERN.test(pattern.toLowerCase())) continue;
    const text = `"${pattern}" is neither a mail address nor a domain such as example.com or *.example.com.`;
    throw new RuntimeError("INVALID", text, { pointer: `/recipients/${at}` });
  }
}

/**
 * Whom a call writes to, each once. @param domains lists that their domains have to be among as well, all of them.
 * @throws INVALID, FORBIDDEN for one that is not allowed.
 */
export function peopleOf(
  to: unknown,
  patterns: readonly string[],
  domains: DomainLists = [],
): readonly string[] {
  const given: readonly unknown[] = Array.isArray(to) ? to : [to];
  if (given.length === 0 || given.length > limits.sentMailPeople) {
    const text = `A mail goes to 1 to ${limits.sentMailPeople} people; these are ${given.length}.`;
    throw new RuntimeError("INVALID", text, { pointer: "/to" });
  }
  const people = given.map((one, at) => {
    const address = String(one).toLowerCase();
    const pointer = Array.isArray(to) ? `/to/${at}` : "/to";
    const domain = ADDRESS.exec(address)?.[1];
    if (typeof one !== "string" || domain === undefined) {
      throw new RuntimeError("INVALID", `"${String(one).slice(0, 100)}" is no mail address.`, {
        pointer,
      });
    }
    if (!patterns.some((pattern) => isFor(pattern.toLowerCase(), address, domain))) {
      const text = `${address} is not among those whom this tool may write to.`;
      throw new RuntimeError("FORBIDDEN", text, { pointer });
    }
    if (domains.every((list) => list.some((rule) => isAllowed(rule, domain)))) return address;
    const text = `${domain} is not among the allowed_domains of the agent.`;
    throw new RuntimeError("FORBIDDEN", text, { pointer });
  });
  return [...new Set(people)];
}

function isFor(pattern: string, address: string, domain: string): boolean {
  if (pattern.includes("@")) return pattern === address;
  return pattern.startsWith("*.") ? domain.endsWith(pattern.slice(1)) : pattern === domain;
}

const RULE = /^(\*\.)?([^:[\]/?#@\\%]+)$/;

/** Whether a rule of `allowed_domains` names a mail domain: one with a port, and an address, names none. */
function isAllowed(rule: string, domain: string): boolean {
  if (rule === THIS_MACHINE) return domain === "localhost" || domain.endsWith(".localhost");
  const [, below, name = ""] = RULE.exec(rule) ?? [];
  const url = `https://${name}`;
  if (name === "" || !URL.canParse(url)) return false;
  const host = new URL(url).hostname.replace(/\.$/, "");
  return below === undefined ? domain === host : domain.endsWith(`.${host}`);
}
