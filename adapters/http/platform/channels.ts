// What /v2/channels has besides its records: a look at an account from outside, and how it is.

import { type ChannelInput, channelInput } from "../../../actors/channels/channel.ts";
import { Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { LaterGateway } from "../../channels/later-gateway.ts";
import type { Found } from "../../channels/look.ts";
import { urlOf } from "../gateway/routes.ts";
import { named } from "../openapi/named.ts";
import { answers, orNull, time } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { checkNamed } from "../resources/channel-rules.ts";
import { defineRoute, type Route } from "../route.ts";
import type { Services } from "../services/services.ts";

const closed = { additionalProperties: false } as const;
const common = { service: "channels", errors: "problem" } as const;

const checkSchema = named(
  "ChannelCheck",
  Type.Object(
    {
      ok: Type.Boolean(),
      findings: Type.Array(
        Type.Object(
          { ok: Type.Boolean(), text: Type.String(), help: orNull(Type.String()) },
          closed,
        ),
      ),
    },
    closed,
  ),
);

const count = Type.Integer({ minimum: 0 });
const statusSchema = named(
  "ChannelStatus",
  Type.Object(
    {
      state: Type.Union([Type.Literal("open"), Type.Literal("failed"), Type.Literal("inactive")]),
      connection: orNull(Type.Union([Type.Literal("connected"), Type.Literal("disconnected")])),
      urls: Type.Array(
        Type.Object(
          { method: Type.String(), url: orNull(Type.String()), path: Type.String() },
          closed,
        ),
      ),
      notice: orNull(Type.String()),
      last_inbound_at: orNull(time),
      last_outbound_at: orNull(time),
      last_error: orNull(Type.Object({ at: time, message: Type.String() }, closed)),
      counts: Type.Object(
        {
          ...{ received: count, dropped: count, parked: count, refused: count, nacked: count },
          ...{ sent: count, send_failed: count },
        },
        closed,
      ),
    },
    closed,
  ),
);

/** Routes of an account's health. */
export function channelRoutes({
  resources,
  gateway,
  index,
  system: { tables },
}: Pick<Services, "resources" | "gateway" | "index" | "system">): readonly Route[] {
  const { channels } = resources.kinds;
  return [
    defineRoute({
      ...common,
      method: "POST",
      pattern: "/v2/channels/check",
      summary: "Look at a channel before it is made",
      description:
        "Takes what makes a channel and looks from outside as `/v2/channels/{id}/check` does: nothing is stored or changed. What is wrong in the record is a 400 with its pointer.",
      permission: "resources.write",
      sideEffects: false,
      body: channelInput,
      responses: answers(200, checkSchema, "What was found."),
      handler: async ({ principal: { tenant }, body: record, request }) => {
        await checkNamed(record, { tables, tenant });
        const as = await accountLike({ resources, index }, tenant, record);
        const { look } = await gateway.open();
        return json(200, told(await look({ tenant, record, as }, request.signal)));
      },
    }),
    defineRoute({
      ...common,
      method: "POST",
      pattern: "/v2/channels/{id}/check",
      summary: "Look at a channel from outside",
      description:
        "Asks the platform whether secrets are right and what is asked for is allowed; says what is wrong and what to do about it. Nothing is sent to anybody.",
      permission: "resources.write",
      sideEffects: false,
      responses: answers(200, checkSchema, "What was found."),
      handler: async ({ principal: { tenant }, params, request }) => {
        const id = params["id"] ?? "";
        await channels.get(tenant, id);
        return json(200, await checked(gateway, tenant, id, request.signal));
      },
    }),
    defineRoute({
      ...common,
      method: "GET",
      pattern: "/v2/channels/{id}/status",
      summary: "Read how a channel is",
      description:
        "Whether its account is open, the addresses to configure at the platform (null where `public_url` is not set: then the server's own address and `path`), and what it has done since the start of the server.",
      responses: answers(200, statusSchema, "How it is."),
      handler: async ({ principal: { tenant }, params }) => {
        const id = params["id"] ?? "";
        const { record } = await channels.get(tenant, id);
        return json(200, await statusOf(gateway, tenant, record.id));
      },
    }),
  ];
}

/** Of one that is stored, as it is open. */
async function checked(
  later: LaterGateway,
  tenant: string,
  id: string,
  left: AbortSignal,
): Promise<object> {
  const [{ accounts }, { lookAt }] = await Promise.all([
    later.open(),
    import("../../channels/look.ts"),
  ]);
  const account = accounts.find(id);
  if (account === undefined) {
    const error = accounts.health(tenant, id)?.view().last_error;
    const text = error?.message ?? "The account is switched off.";
    return told([{ ok: false, text, help: "What is wrong in its record is changed there." }]);
  }
  return told(await lookAt(account, left));
}

function told(findings: readonly Found[]): object {
  return { ok: findings.every(({ ok }) => ok), findings };
}

/** The account of the same name and kind, which has kept what its platform gave it. */
async function accountLike(
  { resources, index }: Pick<Services, "resources" | "index">,
  tenant: string,
  { name, kind }: ChannelInput,
): Promise<string | null> {
  const { channels } = resources.kinds;
  const all = await index.ordered(tenant, channels.listing, "created_at");
  const alike = all.filter(({ entry }) => entry.name === name);
  for (const { id } of alike) {
    if ((await channels.get(tenant, id)).record.kind === kind) return id;
  }
  return null;
}

async function statusOf(later: LaterGateway, tenant: string, id: string): Promise<object> {
  const gateway = await later.open();
  const { accounts } = gateway;
  const account = accounts.find(id);
  const urls = [...(account?.routes.values() ?? [])].map(({ method, path }) => {
    const url = account === undefined ? "" : urlOf(gateway, account, path);
    const own = account === undefined ? "" : `/gateway/${account.adapter.kind}/${id}${path}`;
    return { method, url: url === "" ? null : url, path: own };
  });
  const health = accounts.health(tenant, id);
  if (health === undefined) throw new RuntimeError("NOT_FOUND", `Channel ${id} does not exist.`);
  const { state, connection, ...rest } = health.view();
  return { state, connection, urls, ...rest };
}
