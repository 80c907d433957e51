// What a start prints on standard output: what a newcomer needs and nothing else.

/** What is known when the server listens. */
export interface BannerFacts {
  readonly version: string;
  readonly url: string;
  /** Given on the first start only. */
  readonly newAdminKey: string | null;
  /** The data folder as it was given. */
  readonly data: string;
  /** Names of the configured providers with the default model; empty: the built-in answerer. */
  readonly providers: readonly string[];
  readonly defaultModel: string | null;
}

/** What is known when the sample is ready. */
export interface SampleFacts {
  readonly url: string;
  readonly loginUrl: string;
  readonly key: string;
  readonly agent: string;
  readonly question: string;
}

/** The lines of a start. */
export function banner(facts: BannerFacts): string {
  const lines = [`Troupe ${facts.version} listens on ${facts.url}`, ""];
  if (facts.newAdminKey !== null) {
    lines.push(`  Admin key   ${facts.newAdminKey}`);
    lines.push(`              shown this once, kept in ${facts.data}/admin-key`);
  }
  if (facts.providers.length > 0) {
    const model = facts.defaultModel === null ? "" : `, by default with ${facts.defaultModel}`;
    lines.push(`  Answers     ${facts.providers.join(", ")}${model}`);
  } else {
    lines.push("  Answers     the built-in answerer: no key, no network, it quotes what it finds.");
    lines.push("              For a language model: OPENAI_API_KEY=... npm start");
    lines.push("              (or ANTHROPIC_API_KEY, or OPENAI_BASE_URL of a server of your own)");
  }
  return `${lines.join("\n")}\n`;
}

/** The line that leads to the chat page. */
export function pageLine(loginUrl: string): string {
  return `  Chat page   ${loginUrl}\n              signs in once; a restart prints a new one\n`;
}

/** The curl line, alone on its line so that it can be copied. */
export function sampleLines(facts: Omit<SampleFacts, "loginUrl">): string {
  return `\n  Try the sample:\n\n${curlLine(facts)}\n\n`;
}

/** A streaming chat as one line for a shell. */
export function curlLine({ url, key, agent, question }: Omit<SampleFacts, "loginUrl">): string {
  const body = JSON.stringify({ agent_key: agent, message: question, stream: true });
  return [
    `curl -sN ${url}/v1/proxy/core-agent-chat`,
    `-H 'X-API-Key: ${key}'`,
    "-H 'Content-Type: application/json'",
    `-d '${body.replaceAll("'", "'\\''")}'`,
  ].join(" ");
}
