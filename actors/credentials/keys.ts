// Names that a run that waits for an account, the actor that tells it, and whoever shows it share.

const AUTH = "auth:";

/** Key of the decision that a run waits for, by its link. */
export function authKey(link: string): string {
  return `${AUTH}${link}`;
}

/** Key of the n-th pause between looks at a wait. */
export function authPauseKey(link: string, at: number): string {
  return `${AUTH}${link}~${at}`;
}

/** The link that a run waits under this key for; null for another key. */
export function linkOfKey(key: string): string | null {
  return key.startsWith(AUTH) ? (key.slice(AUTH.length).split("~")[0] ?? null) : null;
}

/** Path of a link, which a person opens in a browser. */
export function linkPath(tenant: string, link: string): string {
  return `/v2/tokens/connect/${tenant}.${link}`;
}
