// OAuth 2.0 and OpenID Connect as their client: authorization requests with PKCE, codes and refresh tokens for
// tokens, the client's own tokens, revocation. All by way of the egress guard. What the other side says of
// an error is told by its code alone: a description may repeat what was sent.

import type * as Library from "oauth4webapi";
import { type TokenSecret, tokenLimits } from "../../actors/records/token.ts";
import type { Egress } from "../egress.ts";
import { type AskingOf, createAsking } from "./authorization-server.ts";
import { checkStatus, explained, failed } from "./oauth-errors.ts";
import type { OpenIntegration } from "./open-integration.ts";

/** What a token endpoint gave. */
export interface Granted extends TokenSecret {
  /** Ms since the epoch; null: it does not say. */
  readonly expiresAtMs: number | null;
  readonly scopes: readonly string[] | null;
  /** Whose account it is, where an ID token says it. */
  readonly label: string | null;
}

/** What a browser is sent with. */
export interface AuthorizationRequest {
  readonly state: string;
  readonly verifier: string;
  readonly redirectUri: string;
}

/** The answer of an authorization server, and what it must fit. */
export interface Callback extends AuthorizationRequest {
  readonly query: URLSearchParams;
}

/**
 * The client. Errors are RuntimeError: PROVIDER_LIMITED (429), PROVIDER_UNAVAILABLE (5xx, no connection), DEADLINE:
 * later; PROVIDER_FAILED with `details.reason`: the code of the protocol, such as invalid_grant.
 */
export interface OAuth {
  /** Where a browser is sent. */
  authorization(of: OpenIntegration, request: AuthorizationRequest): Promise<string>;
  /** @throws PROVIDER_FAILED also for an answer that is not the one that is waited for. */
  exchange(of: OpenIntegration, callback: Callback): Promise<Granted>;
  refresh(of: OpenIntegration, refresh: string, signal: AbortSignal): Promise<Granted>;
  clientCredentials(of: OpenIntegration, signal: AbortSignal): Promise<Granted>;
  /** False where the other side has no endpoint for it. */
  revoke(of: OpenIntegration, secret: TokenSecret): Promise<boolean>;
}

/** The client by way of one guard. @param insecureHosts hosts that may be asked without TLS. */
export function createOAuth(egress: Egress, insecureHosts: readonly string[]): OAuth {
  const asking = createAsking(egress, insecureHosts);
  const guarded = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      throw explained(error);
    }
  };
  return {
    authorization: (of, request) => guarded(() => addressOf(asking, of, request)),
    exchange: (of, callback) => guarded(() => exchanged(asking, of, callback)),
    refresh: (of, refresh, signal) =>
      guarded(async () => {
        const { lib, server, client, auth, options } = await asking(of, signal);
        const response = await lib.refreshTokenGrantRequest(server, client, auth, refresh, options);
        checkStatus(response);
        return grantedBy(lib, await lib.processRefreshTokenResponse(server, client, response), of);
      }),
    clientCredentials: (of, signal) =>
      guarded(async () => {
        const { lib, server, client, auth, options } = await asking(of, signal);
        const scope = (of.scopes ?? []).join(" ");
        const params: Record<string, string> = scope === "" ? {} : { scope };
        const response = await lib.clientCredentialsGrantRequest(
          server,
          client,
          auth,
          params,
          options,
        );
        checkStatus(response);
        const said = await lib.processClientCredentialsResponse(server, client, response);
        return grantedBy(lib, said, of);
      }),
    revoke: (of, { access, refresh }) =>
      guarded(async () => {
        const { lib, server, client, auth, options } = await asking(of);
        if (server.revocation_endpoint === undefined) return false;
        for (const token of refresh === undefined ? [access] : [refresh, access]) {
          const response = await lib.revocationRequest(server, client, auth, token, options);
          checkStatus(response);
          await lib.processRevocationResponse(response);
        }
        return true;
      }),
  };
}

async function addressOf(
  asking: AskingOf,
  of: OpenIntegration,
  { state, verifier, redirectUri }: AuthorizationRequest,
): Promise<string> {
  const { lib, server } = await asking(of);
  if (server.authorization_endpoint === undefined) throw failed("no_authorization_endpoint");
  const url = new URL(server.authorization_endpoint);
  const params = {
    ...of.authorization_params,
    ...{ client_id: of.client_id ?? "", redirect_uri: redirectUri, response_type: "code" },
    ...{ state, code_challenge: await lib.calculatePKCECodeChallenge(verifier) },
    code_challenge_method: "S256",
    ...((of.scopes ?? []).length > 0 && { scope: (of.scopes ?? []).join(" ") }),
  };
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  return url.href;
}

async function exchanged(
  asking: AskingOf,
  of: OpenIntegration,
  { query, state, verifier, redirectUri }: Callback,
): Promise<Granted> {
  const { lib, server, client, auth, options } = await asking(of);
  const params = lib.validateAuthResponse(answering(of, server, query), client, query, state);
  const response = await lib.authorizationCodeGrantRequest(
    ...([server, client, auth, params, redirectUri, verifier, options] as const),
  );
  checkStatus(response);
  const said = await lib.processAuthorizationCodeResponse(server, client, response);
  return grantedBy(lib, said, of);
}

/** Without a configured issuer the one that answers must be where the browser was sent. */
function answering(
  of: OpenIntegration,
  server: Library.AuthorizationServer,
  query: URLSearchParams,
): Library.AuthorizationServer {
  const said = query.get("iss");
  if (of.issuer !== undefined || said === null) return server;
  const isOwn = URL.canParse(said) && new URL(said).origin === server.issuer;
  return isOwn ? { ...server, issuer: said } : server;
}

function grantedBy(
  lib: typeof Library,
  said: Library.TokenEndpointResponse,
  of: OpenIntegration,
): Granted {
  const claims = lib.getValidatedIdTokenClaims(said);
  const label = claims?.["email"] ?? claims?.["preferred_username"] ?? claims?.sub;
  const access = said.access_token;
  const isSendable = /^[\x21-\x7e]+$/.test(access) && access.length <= tokenLimits.secretChars;
  if (!isSendable) throw failed("invalid_response");
  return {
    access,
    ...(said.refresh_token !== undefined && { refresh: said.refresh_token }),
    expiresAtMs: said.expires_in === undefined ? null : Date.now() + said.expires_in * 1_000,
    scopes:
      said.scope === undefined
        ? (of.scopes ?? null)
        : said.scope.split(" ").filter((one) => one !== ""),
    label: typeof label === "string" ? label.slice(0, tokenLimits.labelChars) : null,
  };
}
