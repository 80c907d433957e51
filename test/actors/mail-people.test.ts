// Whom the tool email may write to: by its own configuration, and by the allowed_domains of agents.

import { expect, test } from "vitest";
import type { DomainLists } from "../../actors/records/constraints.ts";
import { peopleOf } from "../../actors/tools/mail-people.ts";
import type { RuntimeError } from "../../runtime/errors.ts";

const anybody = ["example.com", "*.example.com", "xn--bcher-kva.example", "evil.test", "localhost"];

function codeFor(address: string, domains: DomainLists): string {
  try {
    return peopleOf([address], anybody, domains)[0] ?? "";
  } catch (error) {
    return (error as RuntimeError).code;
  }
}

const rows: readonly (readonly [string, string, DomainLists, boolean])[] = [
  ["no list", "a@evil.test", [], true],
  ["a list that names its domain", "a@example.com", [["example.com"]], true],
  ["capitals and a final dot of the rule", "A@Example.Com", [["EXAMPLE.com."]], true],
  ["a star for what is below", "a@x.example.com", [["*.example.com"]], true],
  ["letters of a rule in punycode", "a@xn--bcher-kva.example", [["bücher.example"]], true],
  ["this machine", "root@localhost", [["local"]], true],
  ["an empty list", "a@example.com", [[]], false],
  ["a list of others", "a@evil.test", [["example.com", "local"]], false],
  ["a star for the name itself", "a@example.com", [["*.example.com"]], false],
  ["a name below one that is named", "a@x.example.com", [["example.com"]], false],
  ["a rule with a port", "a@example.com", [["example.com:443"]], false],
  ["two lists of which one names it", "a@example.com", [["example.com"], ["evil.test"]], false],
];

test.each(rows)("%s: %s", (_what, address, domains, isAllowed) => {
  expect(codeFor(address, domains)).toBe(isAllowed ? address.toLowerCase() : "FORBIDDEN");
});
