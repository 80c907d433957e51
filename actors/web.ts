// The way out to other machines, as tools have it: a port, built by the composition root.

import type { DomainLists } from "./records/constraints.ts";

/** What of a request is secret. */
export interface WebSecrets {
  /** Whose request it is: secrets that are stored for it are opened as this tenant's. */
  readonly tenant: string;
  /** They go to the URL's own origin and, after a redirect, to no other one. Values may be sealed. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Id of the token that the request has (`tk_`): it is put in where the request is made, only for hosts that
   * it is meant for, and no redirect is followed with it.
   */
  readonly auth?: string;
}

/** Where a token goes; `basic`: it is `user:password`. */
export type AuthPlace =
  | { readonly in: "header"; readonly name: string; readonly prefix: string }
  | { readonly in: "query" | "cookie"; readonly name: string }
  | { readonly in: "basic" };

/** Hides the secrets of a request. */
export interface SecretTexts {
  /** Characters of the longest; 0: there is nothing to hide. */
  readonly charsMax: number;
  /** The text with `***` in their places. */
  hide(text: string): string;
}

/** A request to another machine. */
export interface WebRequest extends WebSecrets {
  /** http or https, without credentials. */
  readonly url: string;
  readonly method: string;
  readonly body?: string;
  /** Where its token goes. Default: as its integration says. */
  readonly authAs?: AuthPlace;
  /** Hosts that may be asked, also by a redirect; "*.example.com" for those below one. Null: any. */
  readonly allowedHosts: readonly string[] | null;
  /** Lists that they have to be among as well, all of them: `allowed_domains` of agents. Default: any host. */
  readonly domains?: DomainLists;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Bytes of the body that are read. */
  readonly bytesMax: number;
  /** Given the body of an answer as it comes, where it is text; the answer has the whole of it all the same. */
  onText?(piece: string): void;
}

/** What another machine answered, without the secrets of the request where it repeats them. */
export interface WebAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Null for one that is no text. */
  readonly body: string | null;
  /** Whether there was more than `bytesMax`. */
  readonly isCut: boolean;
}

/**
 * The way out for tools. GET and HEAD follow redirects, each checked as the first address was.
 * @throws RuntimeError EGRESS_REFUSED, INVALID, POOL_FULL, PROVIDER_UNAVAILABLE, DEADLINE, CANCELLED,
 * SECRET_UNREADABLE, AUTH_REQUIRED (nothing was sent: the token is not fit to be).
 */
export interface Web {
  request(request: WebRequest): Promise<WebAnswer>;
  /** For texts that are put together from several answers, or from parts of one. */
  secrets(of: WebSecrets): Promise<SecretTexts>;
}
