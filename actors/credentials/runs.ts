// The runs of a token: the one that renews it, and one for each run elsewhere that waits for that.

import { ATTEMPTS_A_LIFE, defineRun } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Ports } from "../ports.ts";
import { type Token, tokenLimits, tokenTables } from "../records/token.ts";
import type { Renewal } from "./port.ts";

/** Kinds of the runs. */
export const renewKind = "credential-renew";
export const waitKind = "credential-wait";
/** What a run that waits is told the outcome by. */
export const waitKey = "renewed";

const REQUEST_MS = 20_000;
const GRACE_MS = 30_000;

/** Input of both. */
export interface OfToken {
  readonly id: string;
}

/** What whoever needs a token is told. */
export type Settled =
  | { readonly status: "ready"; readonly generation: number }
  /** It is as it was and cannot be sent: try again. */
  | { readonly status: "later"; readonly message: string; readonly retryAfterMs: number }
  /** A person has to connect an account. */
  | { readonly status: "connect"; readonly reason: string };

/** Result of a renewal. */
export interface Renewed {
  /** Of the secret that was renewed. */
  readonly generation: number;
  readonly renewal: Renewal;
}

/** Kind `credential-renew`. Fails when it may go later. */
export const credentialRenewRun = defineRun<OfToken, Renewed, Ports>({
  kind: renewKind,
  run: ({ id }, context) =>
    context.step(
      "renew",
      async ({ number, signal }) => {
        const token = (await context.row(tokenTables.tokens, id)) as Token | undefined;
        if (token === undefined) throw new RuntimeError("NOT_FOUND", `Token ${id} does not exist.`);
        const { tenant, ports } = context;
        const isAfterCrash = number > ATTEMPTS_A_LIFE;
        const renewal = await ports.credentials.renew({ tenant, token, isAfterCrash, signal });
        return { generation: token.generation, renewal };
      },
      // A request whose answer was lost is made again: where refresh tokens are not changed it goes well,
      // and where they are, what the lost answer held is lost already.
      { repeat: "safe", timeoutMs: REQUEST_MS, retry: { times: 3, minMs: 500, maxMs: 15_000 } },
    ),
});

/** Kind `credential-wait`. */
export const credentialWaitRun = defineRun<OfToken, Settled, Ports>({
  kind: waitKind,
  run: async (_input, context) =>
    (await context.decision(waitKey, { timeoutMs: tokenLimits.renewMs + GRACE_MS })) as Settled,
});
