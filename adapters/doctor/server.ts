// What only the running server knows: workers that are silent, actors that were set aside, providers it
// leaves alone, a backup that failed.

import { type Check, type Finding, ok, warning, wordsOf } from "./check.ts";

interface Runtime {
  readonly silent_workers: readonly number[];
}
interface Listed<T> {
  readonly data: readonly T[];
}
interface Provider {
  readonly name: string;
  readonly breaker: { readonly state: string; readonly failures_in_a_row: number };
}
interface Backup {
  readonly status: string;
  readonly path: string | null;
  readonly error: { readonly message: string } | null;
}

export const serverCheck: Check = {
  name: "server",
  run: async ({ owner, ask }) => {
    if (owner === null) return [ok("No server runs on this folder.")];
    if (ask === null) return [];
    const findings: Finding[] = [];
    const look = async <T>(path: string, judge: (answer: T) => readonly Finding[]) => {
      const judged = await ask(path).then(
        (answer) => judge(answer as T),
        (thrown: unknown) => [
          warning(
            `The server does not say ${path}: ${wordsOf(thrown)}`,
            "Name the admin key: --key.",
          ),
        ],
      );
      findings.push(...judged);
    };
    await look<Runtime>("/admin/runtime", ({ silent_workers: silent }) =>
      silent.length === 0
        ? []
        : [
            warning(
              `Workers ${silent.join(", ")} give no answer.`,
              "Look at its log, and start it again.",
            ),
          ],
    );
    await look<Listed<unknown>>("/admin/runtime/quarantined?tenant=*&limit=1", ({ data }) =>
      data.length === 0
        ? []
        : [
            warning(
              "Actors were set aside after repeated failures.",
              "GET /admin/runtime/quarantined",
            ),
          ],
    );
    await look<Listed<unknown>>("/admin/dead-letters?tenant=*&limit=1", ({ data }) =>
      data.length === 0
        ? []
        : [warning("There are dead letters.", "GET /admin/dead-letters; replay or delete each.")],
    );
    await look<Listed<Provider>>("/admin/providers", ({ data }) =>
      data.flatMap(({ name, breaker }) =>
        breaker.state === "closed"
          ? []
          : [
              warning(
                `Provider ${name} is left alone after ${breaker.failures_in_a_row} failures in a row.`,
                "Its status page, and the lines on providers below.",
              ),
            ],
      ),
    );
    await look<Backup>("/admin/backup", ({ status, path, error: failed }) =>
      status === "failed"
        ? [
            warning(
              `The last backup, to ${path}, has failed: ${failed?.message}`,
              "troupe backup FILE",
            ),
          ]
        : [],
    );
    return findings.length > 0
      ? findings
      : [ok(`Process ${owner} answers, and nothing is set aside.`)];
  },
};
