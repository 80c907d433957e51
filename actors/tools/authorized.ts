// Calls whose requests have a token: it is found before the call, renewed where that is needed, and once more
// when the other side does not take it. What the run knows of it is its id.

import type { RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { awaitAccount } from "../credentials/await-account.ts";
import {
  type FoundToken,
  findToken,
  noteUse,
  type RenewedToken,
  type UsedToken,
} from "../credentials/use.ts";
import type { Ports } from "../ports.ts";
import { failure } from "./result.ts";
import type { Arguments, RunTool, StepTool, Tool } from "./tool.ts";

type Context = RunContext<Ports>;

/** Times a call is begun, when its token turns out not to be fit. */
const TRIES_MAX = 3;
/** Times it waits for an account to be connected. */
const WAITS_MAX = 2;
const UNAUTHORIZED = 401;

const ends = {
  declined: "Whoever was asked has declined.",
  expired: "Nobody has done it in time.",
  refused: "Too many calls wait already.",
} as const;
/** Member of a result in place of one: nothing was done, since the token was not fit, or was refused. */
const UNFIT = "$unfit_token";

/** Where a call stands. */
export interface AuthorizedPlace {
  /** Of its step. */
  readonly key: string;
  readonly given: Arguments;
  /** Whether viewers are told. */
  readonly show: boolean;
}

/** As far as it matters here. */
interface Called {
  readonly result: unknown;
}

/** The call, with its token where the tool has one. @param call is given keys that differ each time. */
export async function authorized<T extends Called>(
  context: Context,
  tool: StepTool | RunTool,
  { key, given, show }: AuthorizedPlace,
  call: (as: {
    readonly key: string;
    readonly token?: UsedToken;
    readonly renewed?: RenewedToken;
  }) => Promise<T>,
): Promise<T | Called> {
  const { auth } = tool;
  if (auth === undefined) return await call({ key });
  let refused: UsedToken | undefined;
  let waits = 0;
  for (let at = 1; at <= TRIES_MAX + waits; at += 1) {
    const own = at === 1 ? key : `${key}~${at}`;
    const found = await findToken(context, auth, { key: own, ...(refused && { refused }) });
    if (found.status === "connect" && waits < WAITS_MAX) {
      waits += 1;
      const outcome = await awaitAccount(context, found, { key: own, show });
      if (outcome === "connected") continue;
      return { result: failure("AUTH_REQUIRED", `${whyNot(found)} ${ends[outcome]}`) };
    }
    if (found.status !== "ready") return { result: failure("AUTH_REQUIRED", whyNot(found)) };
    const { token } = found;
    const performed = await call({ key: own, token, renewed: renewing(context, tool) });
    const unfit = unfitIn(performed.result);
    if (unfit === null) {
      const host = hostOf(given["url"] ?? auth.url);
      noteUse(context, token, { tool: tool.spec.name, host, user: auth.user });
      return performed;
    }
    refused = unfit === "refused" ? token : undefined;
  }
  return { result: failure("AUTH_REQUIRED", "The service does not take the token of this call.") };
}

/** Of a tool with a token. A person who has to connect an account is waited for. */
export function renewing(context: Context, tool: Tool): RenewedToken {
  return async (key, refused) => {
    const token = await demandToken(context, tool, key, refused);
    if (token !== undefined) return token;
    throw new RuntimeError("AUTH_REQUIRED", "The tool has no token.");
  };
}

/**
 * The token for work that is no call of a model, once an account is connected; undefined for a tool without.
 * @throws AUTH_REQUIRED when there is none and nobody has connected one.
 */
export async function demandToken(
  context: Context,
  tool: Tool,
  key: string,
  refused?: UsedToken,
): Promise<UsedToken | undefined> {
  const { auth } = tool;
  if (auth === undefined) return undefined;
  for (let waits = 0; ; waits += 1) {
    const own = waits === 0 ? key : `${key}~${waits + 1}`;
    const found = await findToken(context, auth, { key: own, ...(refused && { refused }) });
    if (found.status === "ready") {
      noteUse(context, found.token, {
        ...{ tool: tool.spec.name, host: hostOf(auth.url), user: auth.user },
      });
      return found.token;
    }
    if (found.status !== "connect" || waits === WAITS_MAX) {
      throw new RuntimeError("AUTH_REQUIRED", whyNot(found));
    }
    const outcome = await awaitAccount(context, found, { key: own, show: true });
    if (outcome === "connected") continue;
    throw new RuntimeError("AUTH_REQUIRED", `${whyNot(found)} ${ends[outcome]}`);
  }
}

/** What a request with a token gave; or that it was not taken, as a result that `authorized` understands. */
export async function unfit(
  token: UsedToken | undefined,
  ask: () => Promise<{ readonly status: number; readonly result: unknown }>,
): Promise<unknown> {
  try {
    const { status, result } = await ask();
    return token !== undefined && status === UNAUTHORIZED ? { [UNFIT]: "refused" } : result;
  } catch (error) {
    const isUnfit = error instanceof RuntimeError && error.code === "AUTH_REQUIRED";
    if (token === undefined || !isUnfit) throw error;
    return { [UNFIT]: "stale" };
  }
}

function unfitIn(result: unknown): string | null {
  if (typeof result !== "object" || result === null || !(UNFIT in result)) return null;
  return String(result[UNFIT]);
}

function whyNot(found: Exclude<FoundToken, { status: "ready" }>): string {
  if (found.status === "later") return found.message;
  return `An account of ${found.integration} has to be connected. ${found.reason}`;
}

function hostOf(url: unknown): string {
  return typeof url === "string" && URL.canParse(url) ? new URL(url).host : "";
}
