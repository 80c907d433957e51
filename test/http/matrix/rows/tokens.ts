// Rows of tokens and integrations. What needs a browser and an authorization server: test/e2e/tokens.test.ts.

import { fresh } from "../makers.ts";
import { again, type Rows, withBody } from "../row.ts";
import type { World } from "../world.ts";

const tokens = "/v2/tokens";
const one = `${tokens}/{tk}`;
const integrations = "/v2/integrations";
const hosts = ["api.example.com"];
const client = {
  ...{ type: "oauth2", client_id: "troupe", client_secret: "planted", allowed_hosts: hosts },
  ...{ issuer: "https://login.example.com" },
};

/** Names are not ids: each world has them once. */
async function integration(
  world: World,
  fields: object = { type: "api_key", allowed_hosts: hosts },
) {
  const name = fresh("shop")
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "-");
  await world.make("PUT", `${integrations}/${name}`, fields);
  return name;
}
const secret = "planted-secret-of-the-shop";
async function token(world: World) {
  const made = await world.make("POST", tokens, {
    ...{ integration: await integration(world), user_key: "ann", secret },
  });
  return { params: { tk: made.id }, query: "user_key=ann" };
}
const anotherTenant = { status: 200, shows: { data: [] } };

/** The rows. */
export const tokenRows: Rows = {
  [`GET ${tokens}`]: {
    good: async (world) => {
      await token(world);
      return { query: "user_key=ann" };
    },
    status: 200,
    shows: { next_cursor: null },
    foreign: anotherTenant,
  },
  [`POST ${tokens}`]: {
    good: async (world) => ({
      body: { integration: await integration(world), user_key: "ann", secret },
    }),
    status: 201,
    shows: { type: "api_key", status: "active", user_key: "ann" },
    wrong: [
      withBody(
        "an unknown integration",
        { integration: "none" },
        { status: 400, code: "INVALID", pointer: "/integration" },
      ),
      withBody(
        "a secret with a line break",
        { secret: "a\nb" },
        { status: 400, code: "INVALID", pointer: "/secret" },
      ),
    ],
    conflict: [again(409, "CONFLICT", "another one for the same user")],
  },
  [`POST ${tokens}/connect`]: {
    good: async (world) => ({
      body: { integration: await integration(world, client), user_key: "ann" },
    }),
    status: 201,
    shows: /v2.tokens.connect.tn_/,
    conflict: "cannot: every request has a link of its own",
  },
  [`POST ${tokens}/connect/complete`]: {
    elsewhere: "cannot: it comes after another server (test/e2e/tokens.test.ts)",
    good: () => ({ body: { connection: "tn_1.1.x", user_key: "ann" } }),
    status: 200,
    conflict: "cannot: it answers nothing here",
  },
  [`GET ${one}`]: { good: token, status: 200, shows: { user_key: "ann" } },
  [`PATCH ${one}`]: {
    good: async (world) => ({ ...(await token(world)), body: { account_label: "Ann" } }),
    status: 200,
    shows: { account_label: "Ann" },
    conflict: "cannot: the same again is as it was wanted",
  },
  [`DELETE ${one}`]: {
    good: token,
    status: 200,
    shows: { revoked: false },
    conflict: [again(404, "NOT_FOUND")],
  },
  [`GET ${tokens}/connect/{id}`]: {
    elsewhere: "cannot: it leads to another server (test/e2e/tokens.test.ts)",
    good: () => ({ params: { id: "tn_1.cn_1" } }),
    free: ["id"],
    status: 200,
  },
  [`POST ${tokens}/connect/{id}`]: {
    elsewhere: "cannot: it leads to another server (test/e2e/tokens.test.ts)",
    good: () => ({ params: { id: "tn_1.cn_1" } }),
    free: ["id"],
    status: 303,
    conflict: "cannot: it answers nothing here",
  },
  [`GET ${tokens}/callback`]: {
    elsewhere: "cannot: it comes from another server (test/e2e/tokens.test.ts)",
    good: () => ({}),
    status: 200,
  },
  [`GET ${integrations}`]: {
    good: async (world) => {
      await integration(world);
      return {};
    },
    status: 200,
    shows: { next_cursor: null },
    foreign: anotherTenant,
  },
  [`GET ${integrations}/{name}`]: {
    good: async (world) => ({ params: { name: await integration(world) } }),
    status: 200,
    shows: { type: "api_key", allowed_hosts: hosts },
  },
  [`PUT ${integrations}/{name}`]: {
    good: async (world) => ({ params: { name: await integration(world, client) }, body: client }),
    status: 200,
    shows: { type: "oauth2", has_client_secret: true },
    free: ["name"],
    foreign: "cannot: it makes one of its own",
    wrong: [
      withBody(
        "an issuer without TLS",
        { issuer: "http://login.example.com" },
        { status: 400, code: "INVALID", pointer: "/issuer" },
      ),
    ],
    conflict: "cannot: the same again takes its own place",
  },
  [`DELETE ${integrations}/{name}`]: {
    good: async (world) => ({ params: { name: await integration(world) } }),
    status: 204,
    conflict: [again(404, "NOT_FOUND")],
  },
};
