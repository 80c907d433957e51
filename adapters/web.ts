// The way out for tools, over the egress guard: redirects one by one, each as a new request, bodies up
// to a limit and only where they are text. Headers carry secrets: none of them is in an error, and none
// goes to another origin than the one it was meant for.

import { limits } from "../actors/limits.ts";
import { isSecretHeader } from "../actors/tools/secret-headers.ts";
import type { Web, WebAnswer, WebRequest } from "../actors/web.ts";
import { RuntimeError } from "../runtime/errors.ts";
import type { Egress, EgressResponse } from "./egress.ts";
import { hostOf, isMeantFor, refused } from "./egress-address.ts";
import { createRedactor, type Redactor } from "./redaction.ts";

/** What the guard may take in beyond what is read, so that the reader and not the guard stops. */
const SLACK_BYTES = 1_024 * 1_024;
const TEXT =
  /^(text\/|application\/(json|xml|javascript|x-www-form-urlencoded|graphql|yaml|x-ndjson)|[a-z]+\/[a-z0-9.-]+\+(json|xml|yaml))/i;

/** The value of a header as it is sent, from the one that is stored. @throws SECRET_UNREADABLE. */
export type OpenHeader = (tenant: string, stored: string) => string;

const asStored: OpenHeader = (_tenant, stored) => stored;

/** Tokens that requests have; see `credentials/port.ts`. */
export interface WebTokens {
  headersFor(
    tenant: string,
    id: string,
    url: string,
  ): Promise<{
    readonly headers: Readonly<Record<string, string>>;
    readonly secrets: readonly string[];
  }>;
  secretsOf(tenant: string, id: string): Promise<readonly string[]>;
}

const noTokens: WebTokens = {
  headersFor: () => Promise.reject(new RuntimeError("AUTH_REQUIRED", "There are no tokens here.")),
  secretsOf: async () => [],
};

/** The port over one guard. @param open headers may be sealed; default: they are as they are sent. */
export function createWeb(
  egress: Egress,
  open: OpenHeader = asStored,
  tokens: WebTokens = noTokens,
): Web {
  return {
    secrets: async ({ tenant, headers, auth }) => {
      const own = auth === undefined ? [] : await tokens.secretsOf(tenant, auth);
      const all = [...own, ...secretsOf(headers, opened(headers, tenant, open))];
      const { charsMax, text } = createRedactor(all);
      return { charsMax, hide: (said) => text(said) };
    },
    async request(wanted) {
      let { url } = wanted;
      const { tenant, auth } = wanted;
      let headers = opened(wanted.headers, tenant, open);
      const secrets = secretsOf(wanted.headers, headers);
      const token = auth === undefined ? null : await tokens.headersFor(tenant, auth, url);
      const placed = placedToken(token, wanted, headers);
      headers = placed.headers;
      url = placed.url;
      const redactor = createRedactor([...secrets, ...(token?.secrets ?? []), ...placed.secrets]);
      // With a token a request goes where it was meant to go, and no further.
      const mayFollow = token === null && (wanted.method === "GET" || wanted.method === "HEAD");
      for (let redirects = 0; redirects <= limits.webRedirects; redirects += 1) {
        const response = await sent(egress, { ...wanted, url, headers });
        const location = mayFollow ? locationOf(response, url) : null;
        if (location === null) return await answerOf(response, wanted, redactor);
        response.discard();
        if (new URL(location).origin !== new URL(url).origin) headers = {};
        url = location;
      }
      throw refused(hostOf(new URL(url)), `it redirects more than ${limits.webRedirects} times`);
    },
  };
}

/** The request with its token, where it is to go. */
function placedToken(
  token: Awaited<ReturnType<WebTokens["headersFor"]>> | null,
  { url, authAs: place }: Pick<WebRequest, "url" | "authAs">,
  headers: Readonly<Record<string, string>>,
): Readonly<{
  url: string;
  headers: Readonly<Record<string, string>>;
  secrets: readonly string[];
}> {
  if (token === null) return { url, headers, secrets: [] };
  const [access] = token.secrets;
  if (place === undefined || access === undefined) {
    return { url, headers: { ...headers, ...token.headers }, secrets: [] };
  }
  const encoded = encodeURIComponent(access);
  switch (place.in) {
    case "header":
      return {
        url,
        headers: { ...headers, [place.name]: `${place.prefix}${access}` },
        secrets: [],
      };
    case "basic": {
      const value = Buffer.from(access, "utf8").toString("base64");
      return { url, headers: { ...headers, authorization: `Basic ${value}` }, secrets: [value] };
    }
    case "query": {
      const full = new URL(url);
      full.searchParams.append(place.name, access);
      return { url: full.href, headers, secrets: [encoded] };
    }
    case "cookie": {
      const { cookie, ...rest } = headers;
      const own = `${place.name}=${encoded}`;
      const all = cookie === undefined ? own : `${cookie}; ${own}`;
      return { url, headers: { ...rest, cookie: all }, secrets: [encoded] };
    }
  }
}

function opened(
  headers: Readonly<Record<string, string>>,
  tenant: string,
  open: OpenHeader,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, open(tenant, value)]),
  );
}

/** Values of headers that are secret: those that were stored so, and those whose name says it. */
function secretsOf(
  stored: Readonly<Record<string, string>>,
  sent: Readonly<Record<string, string>>,
): readonly string[] {
  const isSecret = ([name, value]: readonly [string, string]): boolean =>
    value !== stored[name] || isSecretHeader(name, {});
  return Object.entries(sent)
    .filter(isSecret)
    .map(([, value]) => value);
}

function sent(egress: Egress, wanted: WebRequest): Promise<EgressResponse> {
  const { tenant, url, method, headers, body, signal, timeoutMs, bytesMax } = wanted;
  checkHost(url, wanted.allowedHosts);
  return egress.request({
    ...{ tenant, url, method, domains: wanted.domains },
    headers: { "user-agent": "Troupe", accept: "*/*", ...headers },
    ...(body !== undefined && { body }),
    signal,
    redirects: "show",
    limits: {
      firstByteMs: timeoutMs,
      idleMs: timeoutMs,
      totalMs: timeoutMs,
      bytesMax: bytesMax + SLACK_BYTES,
    },
  });
}

/** @throws EGRESS_REFUSED for a host that is not among those allowed. The guard checks the rest. */
function checkHost(text: string, allowed: readonly string[] | null): void {
  if (allowed === null) return;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && isMeantFor(url, allowed, "any")) return;
  throw refused(url === null ? "" : hostOf(url), "the tool may not ask this host");
}

function locationOf({ status, headers }: EgressResponse, from: string): string | null {
  const { location } = headers;
  if (status < 300 || status >= 400 || typeof location !== "string") return null;
  return URL.canParse(location, from) ? new URL(location, from).href : null;
}

async function answerOf(
  response: EgressResponse,
  { bytesMax, onText }: Pick<WebRequest, "bytesMax" | "onText">,
  redactor: Redactor,
): Promise<WebAnswer> {
  const headers = Object.fromEntries(
    Object.entries(response.headers).flatMap(([name, value]) =>
      value === undefined
        ? []
        : [[name, redactor.text(Array.isArray(value) ? value.join(", ") : value)]],
    ),
  );
  const { status } = response;
  const type = headers["content-type"] ?? "text/plain";
  if (!TEXT.test(type)) {
    response.discard();
    return { status, headers, body: null, isCut: false };
  }
  const pieces: Buffer[] = [];
  const decoder = decoderOf(type);
  let bytes = 0;
  const isFull = (): boolean => bytes > bytesMax;
  const shown = onText === undefined ? undefined : redactor.pieces(onText);
  await response
    .read((piece) => {
      pieces.push(Buffer.from(piece));
      bytes += piece.length;
      if (isFull()) throw new Full();
      shown?.push(decoder.decode(piece, { stream: true }));
    })
    .catch((error: RuntimeError | Full) => {
      if (!(error instanceof Full)) throw error;
    });
  shown?.end();
  const whole = Buffer.concat(pieces).subarray(0, bytesMax);
  const text = decoderOf(type).decode(whole);
  const isCut = isFull();
  // A character that was cut in two is left out.
  const body = redactor.text(isCut ? text.replace(/\uFFFD$/, "") : text, isCut);
  return { status, headers, body, isCut };
}

/** As much has come as is wanted. */
class Full extends Error {}

function decoderOf(type: string): InstanceType<typeof TextDecoder> {
  const charset = /charset="?([\w-]{1,40})/i.exec(type)?.[1] ?? "utf-8";
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder("utf-8");
  }
}
