// A real OAuth 2.0 server on loopback, oidc-provider, with people who consent at once, and an API that takes its
// tokens. Test support: how it answers can be changed, and what it was asked is counted.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** As far as it is used: the package has no types. */
interface Provider {
  callback(): (request: IncomingMessage, response: ServerResponse) => void;
  interactionDetails(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<{
    readonly prompt: { readonly name: string };
    readonly params: Readonly<Record<string, unknown>>;
    readonly session?: { readonly accountId?: string };
  }>;
  interactionFinished(
    request: IncomingMessage,
    response: ServerResponse,
    result: object,
    options: { readonly mergeWithLastSubmission: boolean },
  ): Promise<void>;
  readonly Grant: new (
    of: object,
  ) => { addOIDCScope(scope: string): void; save(): Promise<string> };
}
interface Client {
  grantTypeAllowed(type: string): boolean;
}

/** Where clients of the tests come back to; a browser of a test goes to the product in its place. */
export const PUBLIC_URL = "https://troupe.example.com";
export const CLIENT_SECRET = "planted-client-secret-0123456789";

/** The server. */
export interface OAuthServer {
  readonly issuer: string;
  /** Grants that the token endpoint was asked for, in order. */
  readonly grants: string[];
  /** Access and refresh tokens that were given out since the start, in order. */
  readonly issued: string[];
  /** Tokens that were taken back. */
  readonly revoked: string[];
  /** Answers in place of the token endpoint, and of the one that takes tokens back ("revocation"); null: it answers itself. */
  instead: ((response: ServerResponse, grant: string) => Promise<boolean> | boolean) | null;
  /** After the token endpoint has done its work and before its answer leaves. */
  beforeAnswer: ((grant: string) => Promise<void>) | null;
  /** Seconds for which access tokens live. */
  accessSeconds: number;
  /** Who consents. */
  account: string;
  /** Authorization headers that the API was sent. */
  readonly asked: string[];
  /** Of the API. */
  readonly apiUrl: string;
  /** What the API says beside the header that it was sent; and its status. */
  api: { readonly status: number };
  /** Access tokens that the API does not take. */
  readonly notTaken: Set<string>;
  reset(): void;
  close(): Promise<void>;
}

/** Starts one. */
export async function startOAuthServer(): Promise<OAuthServer> {
  const grants: string[] = [];
  const asked: string[] = [];
  const issued: string[] = [];
  const revoked: string[] = [];
  const notTaken = new Set<string>();
  const state: Pick<OAuthServer, "instead" | "beforeAnswer" | "accessSeconds" | "account" | "api"> =
    {
      ...{ instead: null, beforeAnswer: null, accessSeconds: 3_600, account: "ana@example.com" },
      api: { status: 200 },
    };
  let handle: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;
  const server = createServer((request, response) => handle(request, response));
  const issuer = await listening(server);
  const provider = await providerOf(issuer, () => state);
  const call = provider.callback();
  handle = (request, response) => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    if (path.startsWith("/interaction/"))
      return void consent(provider, request, response, state.account);
    if (path === "/token") return void token(request, response);
    if (path === "/token/revocation") return void revocation(request, response);
    call(request, response);
  };
  const parsed = (request: IncomingMessage, body: string): void => {
    Object.assign(request, { body: Object.fromEntries(new URLSearchParams(body)) });
  };
  const revocation = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(request);
    if ((await state.instead?.(response, "revocation")) === true) return;
    revoked.push(new URLSearchParams(body).get("token") ?? "");
    parsed(request, body);
    call(request, response);
  };
  const token = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(request);
    const grant = new URLSearchParams(body).get("grant_type") ?? "";
    grants.push(grant);
    if ((await state.instead?.(response, grant)) === true) return;
    const before = state.beforeAnswer;
    const end = response.end.bind(response);
    response.end = ((...args: Parameters<typeof end>) => {
      issued.push(...issuedIn(String(args[0] ?? "")));
      if (before === null) end(...args);
      else void before(grant).then(() => end(...args));
      return response;
    }) as typeof response.end;
    parsed(request, body);
    call(request, response);
  };
  const api = createServer((request, response) => {
    const header = request.headers.authorization ?? "";
    asked.push(header);
    const isTaken = !notTaken.has(header);
    if (request.url === "/away") {
      response.writeHead(302, { location: "http://127.0.0.1:1/elsewhere" }).end();
      return;
    }
    response.writeHead(isTaken ? state.api.status : 401, {
      "content-type": "application/json",
      "x-echo": header,
    });
    response.end(JSON.stringify({ ok: isTaken, echo: header }));
  });
  const apiUrl = await listening(api);
  const reset = (): void => {
    grants.length = 0;
    asked.length = 0;
    notTaken.clear();
    Object.assign(state, { instead: null, beforeAnswer: null, accessSeconds: 3_600 });
    state.account = "ana@example.com";
    state.api = { status: 200 };
  };
  return Object.assign(proxied(state), {
    ...{ issuer, apiUrl, grants, asked, issued, revoked, notTaken, reset },
    close: async () => {
      for (const one of [server, api]) {
        one.closeAllConnections();
        await new Promise((resolve) => one.close(resolve));
      }
    },
  });
}

function issuedIn(body: string): readonly string[] {
  if (!body.startsWith("{")) return [];
  const said = JSON.parse(body) as Readonly<Record<string, unknown>>;
  return ["access_token", "refresh_token"].flatMap((name) =>
    typeof said[name] === "string" ? [said[name]] : [],
  );
}

/** The settings as members that can be set. */
function proxied<T extends object>(state: T): T {
  const members = Object.keys(state).map((name) => [
    name,
    {
      enumerable: true,
      get: () => Reflect.get(state, name),
      set: (value: unknown) => Reflect.set(state, name, value),
    },
  ]);
  return Object.defineProperties({}, Object.fromEntries(members)) as T;
}

async function providerOf(
  issuer: string,
  state: () => { readonly accessSeconds: number },
): Promise<Provider> {
  const name = "oidc-provider";
  const library = (await import(name)) as {
    readonly default: new (issuer: string, configuration: object) => Provider;
  };
  const configuration = {
    clients: [
      {
        client_id: "troupe",
        client_secret: CLIENT_SECRET,
        redirect_uris: [`${PUBLIC_URL}/v2/tokens/callback`],
        grant_types: ["authorization_code", "refresh_token", "client_credentials"],
        response_types: ["code"],
        token_endpoint_auth_method: "client_secret_basic",
      },
    ],
    scopes: ["openid", "email", "offline_access", "things"],
    claims: { email: ["email"] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async (_context: unknown, client: Client) =>
      client.grantTypeAllowed("refresh_token"),
    findAccount: async (_context: unknown, id: string) => ({
      accountId: id,
      claims: async () => ({ sub: id, email: id }),
    }),
    interactions: {
      url: (_context: unknown, { uid }: { readonly uid: string }) => `/interaction/${uid}`,
    },
    ttl: {
      AccessToken: () => state().accessSeconds,
      ClientCredentials: () => state().accessSeconds,
      RefreshToken: 86_400,
      Grant: 86_400,
      Session: 86_400,
      Interaction: 600,
      IdToken: 600,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
    },
    cookies: { keys: ["a-key-of-the-test"] },
  };
  return new library.default(issuer, configuration);
}

async function consent(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
  account: string,
): Promise<void> {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === "login") {
    const result = { login: { accountId: account } };
    await provider.interactionFinished(request, response, result, {
      mergeWithLastSubmission: false,
    });
    return;
  }
  const grant = new provider.Grant({
    accountId: session?.accountId ?? account,
    clientId: String(params["client_id"]),
  });
  grant.addOIDCScope(String(params["scope"] ?? ""));
  const result = { consent: { grantId: await grant.save() } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString("utf8");
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A browser: keeps cookies by host, and follows redirects. */
export interface Browser {
  /** Ends at the first answer that is no redirect, or whose address `stop` wants. */
  open(url: string, stop?: (url: string) => boolean): Promise<Page>;
  /** Sends a form, and goes on from its answer. Headers: beside those of every browser. */
  send(
    url: string,
    form: Readonly<Record<string, string>>,
    more?: {
      readonly stop?: (url: string) => boolean;
      readonly headers?: Readonly<Record<string, string>>;
    },
  ): Promise<Page>;
  /** Opens a link and confirms on its page. */
  confirm(
    link: string,
    more?: { readonly stop?: (url: string) => boolean; readonly code?: string },
  ): Promise<Page>;
}

/** What the form of a page has in it besides what a person says. */
export function proofIn(page: Pick<Page, "text">): string {
  return /name="proof" value="([^"]+)"/.exec(page.text)?.[1] ?? "";
}

/** What it shows. */
export interface Page {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const REDIRECTS_MAX = 12;

/** @param product where the product listens now. */
export function createBrowser(product: () => string): Browser {
  const jars = new Map<string, Map<string, string>>();
  const visit = async (
    from: string,
    stop: (url: string) => boolean,
    first: { readonly form?: Readonly<Record<string, string>>; readonly headers?: object } = {},
  ): Promise<Page> => {
    let url = from;
    for (let at = 0; at < REDIRECTS_MAX; at += 1) {
      const jar = jars.get(new URL(url).host) ?? new Map<string, string>();
      jars.set(new URL(url).host, jar);
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
      const response = await fetch(url.replace(PUBLIC_URL, product()), {
        redirect: "manual",
        headers: {
          ...(cookie === "" ? {} : { cookie }),
          // As a browser says it of a form of our own page: the proxy before the product leaves its name.
          ...(at === 0 && first.form && { origin: product(), ...first.headers }),
        },
        ...(at === 0 && first.form && { method: "POST", body: new URLSearchParams(first.form) }),
      });
      for (const line of response.headers.getSetCookie()) {
        const [pair = ""] = line.split(";");
        const cut = pair.indexOf("=");
        jar.set(pair.slice(0, cut), pair.slice(cut + 1));
      }
      const location = response.headers.get("location");
      const next = location === null ? null : new URL(location, url).href;
      if (next !== null && !stop(next)) {
        await response.text();
        url = next;
        continue;
      }
      const { status, headers } = response;
      return { url: next ?? url, status, headers, text: await response.text() };
    }
    throw new Error("The browser was sent around in a circle.");
  };
  const browser: Browser = {
    open: (url, stop = () => false) => visit(url, stop),
    send: (url, form, { stop = () => false, headers = {} } = {}) =>
      visit(url, stop, { form, headers }),
    confirm: async (link, { stop, code } = {}) => {
      const page = await browser.open(link);
      if (page.status !== 200) return page;
      const form = { proof: proofIn(page), decision: "connect", ...(code && { code }) };
      return await browser.send(link, form, { ...(stop && { stop }) });
    },
  };
  return browser;
}
