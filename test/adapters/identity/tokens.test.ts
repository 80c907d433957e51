// Tokens as an attacker would make them, against an issuer on loopback: each is refused, and for its own
// reason, since the same token without the fault is taken.

import { createHmac, createSign, generateKeyPairSync } from "node:crypto";
import { exportJWK, exportSPKI, generateKeyPair } from "jose";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { IssuerConfig } from "../../../adapters/config-identity.ts";
import { createEgress } from "../../../adapters/egress.ts";
import {
  KEYS_FRESH_MS,
  KEYS_INTERVAL_MS,
  KEYS_KEPT_MS,
  KEYS_MAX,
} from "../../../adapters/identity/key-set.ts";
import { createTokens, TOKEN_CHARS_MAX, type Tokens } from "../../../adapters/identity/tokens.ts";
import { part, signed, startIssuer, type TestIssuer } from "../../support/issuer.ts";

let issuer: TestIssuer;
let tokens: Tokens;
let clock: { ms: number };
let pair: Awaited<ReturnType<TestIssuer["addKey"]>>;
const egress = createEgress({ allowedHosts: ["127.0.0.1"] });

const configOf = (more: Partial<IssuerConfig> = {}): IssuerConfig => ({
  ...{ name: "corp", issuer: issuer.url, audience: "troupe", jwksUri: null },
  ...{ algorithms: ["RS256", "ES256", "EdDSA"], tenant: null, tenantClaim: "tenant" },
  ...{ role: "viewer", roleClaim: "roles", roles: [], userClaim: "sub", bindUser: "on" },
  ...{ services: [], servicesClaim: null, resources: [], resourcesClaim: null, clockSkewS: 60 },
  ...more,
});
const make = (more: Partial<IssuerConfig> = {}): Tokens =>
  createTokens([configOf(more)], { egress, now: () => clock.ms });

beforeEach(async () => {
  issuer = await startIssuer();
  pair = await issuer.addKey("one");
  clock = { ms: Date.now() };
  tokens = make();
});
afterEach(() => issuer.close());

const nowS = () => Math.floor(clock.ms / 1_000);
const claims = (more: Readonly<Record<string, unknown>> = {}) => ({
  ...{ iss: issuer.url, aud: "troupe", sub: "ann", tenant: "tn_1" },
  ...{ iat: nowS(), exp: nowS() + 300 },
  ...more,
});
const sign = (more: Readonly<Record<string, unknown>> = {}, header = {}) =>
  signed(pair.privateKey, claims(more), { kid: "one", ...header });

test("a token of the issuer says the tenant, the role and the user, and has a name of its own", async () => {
  const bearer = await tokens.verify(await sign());

  expect(bearer).toMatchObject({ tenant: "tn_1", role: "viewer", user: "ann", services: null });
  expect(bearer?.keyId).toMatch(/^jwt\.corp\.[0-9a-f]{32}$/);
});

test.each(["RS256", "ES256", "EdDSA"])("%s is taken", async (alg) => {
  const other = await issuer.addKey("two", alg);

  expect(
    await tokens.verify(await signed(other.privateKey, claims(), { alg, kid: "two" })),
  ).not.toBeNull();
});

describe("refused is a token", () => {
  test("without a signature, whatever its alg says", async () => {
    const body = part(JSON.stringify(claims()));
    const unsigned = ["none", "None", "nOnE", "NONE", ""].map(
      (alg) => `${part(JSON.stringify({ alg, kid: "one" }))}.${body}.`,
    );
    const [head = ""] = (await sign()).split(".");

    for (const token of [...unsigned, `${head}.${body}.`])
      expect(await tokens.verify(token)).toBeNull();
  });

  test("that is signed with the public key as a shared secret", async () => {
    const rsa = await issuer.addKey("rsa", "RS256");
    const secrets = [
      await exportSPKI(rsa.publicKey),
      JSON.stringify(await exportJWK(rsa.publicKey)),
    ];

    for (const secret of secrets) {
      const text = `${part(JSON.stringify({ alg: "HS256", kid: "rsa" }))}.${part(JSON.stringify(claims()))}`;
      const mac = createHmac("sha256", secret).update(text).digest("base64url");
      expect(await tokens.verify(`${text}.${mac}`)).toBeNull();
      expect(await make({ algorithms: ["HS256", "RS256"] }).verify(`${text}.${mac}`)).toBeNull();
    }
  });

  test("that is signed with a shared secret that the issuer shows among its keys", async () => {
    const k = Buffer.from("a shared secret of thirty-two bytes").toString("base64url");
    issuer.keys.push({ kty: "oct", k, kid: "oct", alg: "HS256" });
    const text = `${part(JSON.stringify({ alg: "HS256", kid: "oct" }))}.${part(JSON.stringify(claims()))}`;
    const mac = createHmac("sha256", Buffer.from(k, "base64url")).update(text).digest("base64url");

    expect(await make({ algorithms: ["HS256", "ES256"] }).verify(`${text}.${mac}`)).toBeNull();
  });

  test("with a signature that is not allowed, though it is right", async () => {
    const other = await issuer.addKey("p", "PS256");
    const token = await signed(other.privateKey, claims(), { alg: "PS256", kid: "p" });

    expect(await tokens.verify(token)).toBeNull();
    expect(await make({ algorithms: ["PS256"] }).verify(token)).not.toBeNull();
  });

  test("of a key that the issuer does not have, by its name or another", async () => {
    const other = await generateKeyPair("ES256");

    expect(
      await tokens.verify(await signed(other.privateKey, claims(), { kid: "one" })),
    ).toBeNull();
    expect(
      await tokens.verify(await signed(other.privateKey, claims(), { kid: "other" })),
    ).toBeNull();
    expect(await tokens.verify(await sign({}, { kid: "x".repeat(300) }))).toBeNull();
  });

  test("whose key has a name that is none of the issuer's, whatever it is made of", async () => {
    const names = [
      "",
      "../../one",
      "one\u0000",
      "one' OR '1'='1",
      "__proto__",
      "constructor",
      "ONE",
    ];
    const others = [["one"], { one: 1 }, 1, null, true];

    for (const kid of [...names, ...others]) {
      const token = await signed(pair.privateKey, claims(), { kid } as Record<string, unknown>);
      expect([kid, await tokens.verify(token)]).toEqual([kid, null]);
    }
    expect(issuer.fetches()).toBeLessThanOrEqual(1);
  });

  test("that brings its own key along", async () => {
    const other = await generateKeyPair("ES256", { extractable: true });
    const jwk = { ...(await exportJWK(other.publicKey)), kid: "own" };
    const evil = await startIssuer();
    evil.keys.push(jwk);
    const headers = [{ jwk }, { jku: `${evil.url}/jwks` }, { x5u: `${evil.url}/jwks` }];

    for (const header of headers) {
      const more = { kid: "own", ...header } as Record<string, unknown>;
      expect(await tokens.verify(await signed(other.privateKey, claims(), more))).toBeNull();
    }
    expect(evil.fetches()).toBe(0);
    await evil.close();
  });

  test.each<[string, Record<string, unknown>]>([
    ["for another audience", { aud: "others" }],
    ["for a longer audience", { aud: "troupe2" }],
    ["for nobody", { aud: undefined }],
    ["of another issuer", { iss: "https://evil.example" }],
    ["of no issuer", { iss: undefined }],
    ["without an end", { exp: undefined }],
    ["whose end is a text", { exp: "4102444800" }],
    ["whose end is no date", { exp: 1e300 }],
    ["without a subject", { sub: undefined }],
    ["with an empty subject", { sub: "" }],
    ["without a tenant", { tenant: undefined }],
    ["for the tenant of the server", { tenant: "tn_system/../x" }],
    ["for a list of tenants", { tenant: ["tn_1"] }],
  ])("%s", async (_, more) => {
    const { ...all } = claims(more);

    expect(await tokens.verify(await signed(pair.privateKey, all, { kid: "one" }))).toBeNull();
  });

  test("of a type that is no token to be let in with", async () => {
    expect(await tokens.verify(await sign({}, { typ: "logout+jwt" }))).toBeNull();
    expect(await tokens.verify(await sign({}, { typ: "dpop+jwt" }))).toBeNull();
    expect(await tokens.verify(await sign({}, { typ: "at+jwt" }))).not.toBeNull();
    expect(await tokens.verify(await sign({}, { typ: "JWT" }))).not.toBeNull();
  });

  test("with extensions that have to be understood", async () => {
    const head = part(JSON.stringify({ alg: "RS256", kid: "r", crit: ["exp"], exp: 1 }));
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    issuer.keys.push({ ...publicKey.export({ format: "jwk" }), kid: "r", alg: "RS256" });
    const text = `${head}.${part(JSON.stringify(claims()))}`;
    const by = createSign("RSA-SHA256").update(text).sign(privateKey).toString("base64url");

    expect(await tokens.verify(`${text}.${by}`)).toBeNull();
  });

  test("in which a name stands twice", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    issuer.keys.push({ ...publicKey.export({ format: "jwk" }), kid: "r", alg: "RS256" });
    const token = (head: string, body: string) => {
      const text = `${part(head)}.${part(body)}`;
      const by = createSign("RSA-SHA256").update(text).sign(privateKey).toString("base64url");
      return `${text}.${by}`;
    };
    const head = '{"alg":"RS256","kid":"r"}';
    const body = JSON.stringify(claims());

    const twice = token(head, body.replace('"tenant"', '"tenant":"tn_2","tenant"'));
    const inHead = token('{"alg":"none","alg":"RS256","kid":"r"}', body);

    expect(await tokens.verify(token(head, body))).not.toBeNull();
    expect([await tokens.verify(twice), await tokens.verify(inHead)]).toEqual([null, null]);
  });

  test("that is too large, or cut, or changed", async () => {
    const good = await sign();
    const [head = "", body = "", by = ""] = good.split(".");
    const changed = part(JSON.stringify(claims({ tenant: "tn_2" })));
    const large = await sign({ pad: "x".repeat(TOKEN_CHARS_MAX) });

    const all = [
      large,
      `${head}.${body}`,
      `${head}.${changed}.${by}`,
      `${good}.x`,
      `${head}.${body}.${by.slice(1)}`,
    ];

    for (const token of all) expect(await tokens.verify(token)).toBeNull();
    expect(await tokens.verify(good)).not.toBeNull();
  });
});

describe("clocks may differ by as much as is configured:", () => {
  test.each([
    ["expired within it", { exp: -59 }, true],
    ["expired before it", { exp: -61 }, false],
    ["valid soon, within it", { nbf: 59 }, true],
    ["valid later", { nbf: 62 }, false],
    ["made soon, within it", { iat: 59 }, true],
    ["made later", { iat: 120 }, false],
  ])("%s", async (_, offsets, isTaken) => {
    const more = Object.fromEntries(
      Object.entries(offsets).map(([name, offset]) => [name, nowS() + Number(offset)]),
    );

    expect((await tokens.verify(await sign(more))) !== null).toBe(isTaken);
  });

  test("a token that was remembered ends when it ends", async () => {
    const token = await sign({ exp: nowS() - 58 });
    expect(await tokens.verify(token)).not.toBeNull();
    expect(tokens.known(token)).not.toBeNull();

    clock.ms += 3_000;

    expect([tokens.known(token), await tokens.verify(token)]).toEqual([null, null]);
  });
});

describe("keys", () => {
  test("are fetched once for many tokens", async () => {
    const all = await Promise.all(Array.from({ length: 20 }, (_, at) => sign({ sub: `u${at}` })));

    await Promise.all(all.map((token) => tokens.verify(token)));

    expect(issuer.fetches()).toBe(1);
  });

  test("that are new are found at once, and unknown names make no flood of fetches", async () => {
    await tokens.verify(await sign());
    const next = await issuer.addKey("two");
    clock.ms += KEYS_INTERVAL_MS;

    expect(
      await tokens.verify(await signed(next.privateKey, claims(), { kid: "two" })),
    ).not.toBeNull();
    for (let at = 0; at < 50; at += 1) {
      const token = await signed(next.privateKey, claims(), { kid: `none-${at}` });
      expect(await tokens.verify(token)).toBeNull();
    }

    expect(issuer.fetches()).toBe(2);
  });

  test("are those that can only verify: shared secrets among them are none, and take no room of others", async () => {
    const k = Buffer.alloc(32).toString("base64url");
    const last = await issuer.addKey("last");
    const one = issuer.keys.pop();
    for (let at = 0; at < KEYS_MAX; at += 1) issuer.keys.push({ kty: "oct", k, kid: `oct-${at}` });
    if (one !== undefined) issuer.keys.push(one);
    const by = (kid: string) => signed(last.privateKey, claims(), { kid });

    expect(await tokens.verify(await by("last"))).not.toBeNull();
    expect(await tokens.verify(await by("oct-0"))).toBeNull();
    const [first] = issuer.keys;
    issuer.keys.unshift(...Array(KEYS_MAX).fill(first));
    expect(await make().verify(await by("last"))).toBeNull();
  });

  test("that were taken back are refused once they are fetched anew", async () => {
    const token = await sign();
    expect(await tokens.verify(token)).not.toBeNull();
    issuer.keys.length = 0;
    await issuer.addKey("two");

    clock.ms += KEYS_FRESH_MS;
    await tokens.verify(await sign({ exp: nowS() + 300 }));

    await expect
      .poll(async () => tokens.verify(await sign({ exp: nowS() + 300, jti: `${Math.random()}` })), {
        timeout: 3_000,
      })
      .toBeNull();
  });

  test("last through an outage, for a day", async () => {
    await tokens.verify(await sign());
    issuer.isAway = true;

    clock.ms += KEYS_KEPT_MS - 1_000;
    expect(await tokens.verify(await sign({ iat: nowS(), exp: nowS() + 300 }))).not.toBeNull();
    clock.ms += 1_000 + KEYS_INTERVAL_MS;

    await expect(tokens.verify(await sign({ exp: nowS() + 300 }))).rejects.toMatchObject({
      code: "ISSUER_UNAVAILABLE",
    });
  });

  test("that never came are no refusal of the token, and are asked for again", async () => {
    issuer.isAway = true;
    const token = await sign();
    await expect(tokens.verify(token)).rejects.toMatchObject({ code: "ISSUER_UNAVAILABLE" });

    issuer.isAway = false;
    clock.ms += KEYS_INTERVAL_MS;

    expect(await tokens.verify(token)).not.toBeNull();
  });
});

describe("claims mean what the configuration says:", () => {
  const who = async (more: Partial<IssuerConfig>, of: Readonly<Record<string, unknown>>) =>
    make(more).verify(await sign(of));
  const roles = [
    { value: "boss", role: "admin" },
    { value: "dev", role: "developer" },
  ] as const;

  test("of several roles the one that may do most counts, and unknown ones mean nothing", async () => {
    expect(await who({ roles }, { roles: ["dev", "boss", "owner"] })).toMatchObject({
      role: "admin",
    });
    expect(await who({ roles }, { roles: "dev x" })).toMatchObject({ role: "developer" });
    expect(await who({ roles }, { roles: ["owner", "admin"] })).toMatchObject({ role: "viewer" });
    expect(await who({ roles }, { roles: { boss: true } })).toMatchObject({ role: "viewer" });
  });

  test("claims may lie deeper, or have dots in their names", async () => {
    const deep = { realm: { roles: ["boss"] }, "https://x.example/tenant": "tn_9" };

    const found = await who(
      { roles, roleClaim: "realm.roles", tenantClaim: "https://x.example/tenant" },
      deep,
    );

    expect(found).toMatchObject({ role: "admin", tenant: "tn_9" });
    expect(
      await who({ roleClaim: "constructor.name", roles: [{ value: "Object", role: "owner" }] }, {}),
    ).toMatchObject({ role: "viewer" });
  });

  test("a tenant that is configured counts whatever the token says", async () => {
    expect(await who({ tenant: "tn_7" }, { tenant: "tn_1" })).toMatchObject({ tenant: "tn_7" });
  });

  test("services of a token are at most those that are configured, and never all by its own word", async () => {
    const asked = { scope: "runs agents * nobody" };

    expect((await who({ servicesClaim: "scope", services: ["runs"] }, asked))?.services).toEqual([
      "runs",
    ]);
    expect((await who({ servicesClaim: "scope" }, asked))?.services).toEqual([
      "runs",
      "agents",
      "nobody",
    ]);
    expect((await who({ servicesClaim: "scope" }, {}))?.services).toEqual([]);
    expect((await who({ services: ["*"] }, {}))?.services).toEqual(["*"]);
  });
});
