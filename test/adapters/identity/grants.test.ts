// What an issuer's tokens may use and reach, as its configuration and their claims say.

import { expect, test } from "vitest";
import { type IssuerConfig, issuerFields, issuersOf } from "../../../adapters/config-identity.ts";
import { type Claimed, claimedOf } from "../../../adapters/identity/claims.ts";

const defaults = Object.fromEntries(
  Object.entries(issuerFields).map(([name, field]) => [name, field.default]),
) as unknown as Parameters<typeof issuersOf>[0][number];
const base = { ...defaults, name: "corp", issuer: "https://id.example", audience: "us" };

const who = (
  of: Partial<IssuerConfig>,
  claims: Readonly<Record<string, unknown>>,
): Claimed | null =>
  claimedOf({ ...base, roles: [], ...of }, { sub: "ann", tenant: "tn_1", ...claims });

test("a value of the claim has the services that are mapped to it, and names none by being one", () => {
  const of = { servicesClaim: "groups", services: ["support=runs", "support=agents", "ops=*"] };
  const most = { ...of, services: [...of.services, "tools"] };

  expect(who(of, { groups: ["support"] })?.services).toEqual(["runs", "agents"]);
  expect(who(of, { groups: ["ops", "*"] })?.services).toEqual(["*"]);
  expect(who(of, { groups: ["runs", "other"] })?.services).toEqual([]);
  expect(who(most, { groups: "support tools runs" })?.services).toEqual([
    ...["runs", "agents", "tools"],
  ]);
});

test("what a token reaches is configured, named by its claim within that, or both", () => {
  const [one, two] = ["ag_1", "ag_2"];
  const reachOf = (of: Partial<IssuerConfig>, claims: Readonly<Record<string, unknown>>) =>
    who(of, claims)?.resources;
  const named = { resourcesClaim: "reach" };
  const bounded = { ...named, resources: ["agents:*", "cl_1", "ops=collections:*"] };

  expect(reachOf({}, { reach: [one] })).toBe(null);
  expect(reachOf({ resources: [one, "skills:*"] }, {})).toEqual({
    ...{ agents: [one], skills: ["*"] },
  });
  expect(reachOf(named, { reach: [one, two, one, "agents:*", "*", "rn_1", "x"] })).toEqual({
    agents: [one, two],
  });
  expect(reachOf(named, {})).toEqual({});
  expect(reachOf(bounded, { reach: [one, "cl_1", "cl_2"] })).toEqual({
    ...{ agents: [one], collections: ["cl_1"] },
  });
  expect(reachOf(bounded, { reach: "ops ag_2" })).toEqual({
    ...{ collections: ["*"], agents: [two] },
  });
});

test("one subject of two issuers is two people, and none is a key of the server", () => {
  const [one, two] = [who({ name: "corp" }, {}), who({ name: "labs" }, {})];

  expect(one?.keyId).not.toBe(two?.keyId);
  expect([one?.keyId, who({}, { sub: "ak_1" })?.keyId].join()).not.toMatch(/(^|,)ak_/);
});

test("a mapping without a claim, and what is no record, are mistakes that name themselves", () => {
  const problems: string[] = [];
  const services = ["support=runs", "=runs"];
  const resources = ["ag_1", "cl_1=x", "rn_1", "runs:*", "agents:*", "ops=constructor:*"];

  issuersOf([{ ...base, services, resources, resourcesClaim: "reach" }], problems);

  expect(problems).toEqual([
    'issuers: corp: "support=runs" of services wants a claim, which services_claim names',
    'issuers: corp: "=runs" of services is no value=service',
    'issuers: corp: "=runs" of services wants a claim, which services_claim names',
    ...["x", "rn_1", "runs:*", "constructor:*"].map(
      (what) =>
        `issuers: corp: "${what}" of resources is no id of a record and no kind with :*, such as agents:*`,
    ),
  ]);
});

test("a configuration that would take what it should not is refused", () => {
  const problems: string[] = [];
  const entry = { ...base, algorithms: ["RS256"], roles: [] as string[] };

  issuersOf(
    [
      { ...entry, name: "one", audience: "" },
      { ...entry, name: "two", issuer: "https://two.example", algorithms: ["HS256"] },
      { ...entry, name: "three", issuer: "https://three.example", algorithms: ["none"] },
      { ...entry, name: "four", issuer: "https://four.example", roles: ["boss=server"] },
      { ...entry, name: "four", issuer: "https://four.example" },
    ],
    problems,
  );

  expect(problems).toEqual([
    expect.stringContaining("one: needs an audience"),
    expect.stringContaining('two: the signature "HS256"'),
    expect.stringContaining('three: the signature "none"'),
    expect.stringContaining('four: "boss=server"'),
    expect.stringContaining("name four is used twice"),
    expect.stringContaining("issuer https://four.example is used twice"),
  ]);
});
