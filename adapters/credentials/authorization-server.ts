// Authorization servers as clients need them: where their endpoints are, how the client shows who it is, and
// the way out to them, by the egress guard.

import type * as Library from "oauth4webapi";
import type { Egress } from "../egress.ts";
import { createEgressFetch } from "../egress-fetch.ts";
import { checkStatus } from "./oauth-errors.ts";
import type { OpenIntegration } from "./open-integration.ts";

/** What a request to one needs. */
export interface Asking {
  readonly lib: typeof Library;
  readonly server: Library.AuthorizationServer;
  readonly client: Library.Client;
  readonly auth: Library.ClientAuth;
  readonly options: object;
}

/** Looks one up, by its metadata or as it was set. */
export type AskingOf = (of: OpenIntegration, signal?: AbortSignal) => Promise<Asking>;

const LIMITS = { firstByteMs: 10_000, totalMs: 15_000, bytesMax: 256 * 1_024 };
const METADATA_MS = 3_600_000;
const METADATA_MAX = 200;

type Server = Library.AuthorizationServer;

/** @param insecureHosts hosts of private networks that the operator allows: without TLS too. */
export function createAsking(egress: Egress, insecureHosts: readonly string[]): AskingOf {
  const sendFor = (tenant = "") => createEgressFetch(egress, { limits: LIMITS, tenant });
  const known = new Map<string, { readonly server: Server; readonly untilMs: number }>();
  const optionsFor = (
    lib: typeof Library,
    { tenant, url, signal }: { tenant?: string; url: string | undefined; signal?: AbortSignal },
  ) => ({
    [lib.customFetch]: (address: string, init: Library.CustomFetchOptions<string, unknown>) =>
      sendFor(tenant)(address, {
        method: init.method,
        headers: init.headers,
        signal: init.signal ?? null,
        ...(init.body != null && { body: String(init.body) }),
      }),
    [lib.allowInsecureRequests]: isInsecure(url, insecureHosts),
    ...(signal && { signal }),
  });
  const serverOf = async (lib: typeof Library, of: OpenIntegration): Promise<Server> => {
    const { issuer, authorization_endpoint, token_endpoint, revocation_endpoint } = of;
    const own = {
      ...(authorization_endpoint && { authorization_endpoint }),
      ...(token_endpoint && { token_endpoint }),
      ...(revocation_endpoint && { revocation_endpoint }),
    };
    if (issuer === undefined) {
      return { issuer: new URL(authorization_endpoint ?? token_endpoint ?? "").origin, ...own };
    }
    const cached = known.get(issuer);
    if (cached !== undefined && cached.untilMs > Date.now()) return { ...cached.server, ...own };
    const place = { ...whose(of), url: issuer };
    const server = await discovered(lib, issuer, optionsFor(lib, place));
    if (known.size >= METADATA_MAX) known.clear();
    known.set(issuer, { server, untilMs: Date.now() + METADATA_MS });
    return { ...server, ...own };
  };
  return async (of, signal) => {
    const lib = await import("oauth4webapi");
    const server = await serverOf(lib, of);
    const client = { client_id: of.client_id ?? "" };
    const place = { ...whose(of), url: server.token_endpoint, ...(signal && { signal }) };
    const options = optionsFor(lib, place);
    return { lib, server, client, auth: authOf(lib, of), options };
  };
}

const whose = ({ tenant }: OpenIntegration) => (tenant === undefined ? {} : { tenant });

async function discovered(lib: typeof Library, issuer: string, options: object): Promise<Server> {
  const url = new URL(issuer);
  const ask = (algorithm: "oidc" | "oauth2"): Promise<Response> =>
    lib.discoveryRequest(url, { ...options, algorithm });
  const first = await ask("oidc");
  const response = first.status === 404 ? await ask("oauth2") : first;
  checkStatus(response);
  return await lib.processDiscoveryResponse(url, response);
}

function authOf(lib: typeof Library, of: OpenIntegration): Library.ClientAuth {
  const { client_secret: secret, client_auth: how = secret === undefined ? "none" : "basic" } = of;
  if (how === "none" || secret === undefined) return lib.None();
  return how === "post" ? lib.ClientSecretPost(secret) : lib.ClientSecretBasic(secret);
}

/** Whether the operator lets this host be asked without TLS. */
export function isInsecure(url: string | undefined, hosts: readonly string[]): boolean {
  if (url === undefined || !URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && hosts.includes(hostname.replace(/^\[|\]$/g, ""));
}
