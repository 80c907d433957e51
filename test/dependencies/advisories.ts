// Known vulnerabilities of the packages in the lockfile, as the package registry's advisories have them:
// `npm audit` asks, this reads its answer. A registry without advisories (a mirror) is told apart from
// one that knows of none.

import { execFile } from "node:child_process";

/** Longest wait for the registry, ms, and longest answer, bytes. */
const AUDIT_MS = 120_000;
const REPORT_BYTES_MAX = 64 * 1024 * 1024;

/** One advisory about a package. */
export interface Advisory {
  readonly package: string;
  readonly title: string;
  readonly severity: string;
  readonly url: string;
  /** Versions it is about. */
  readonly range: string;
}

/** What came of asking. */
export type Advisories =
  | { readonly type: "checked"; readonly found: readonly Advisory[] }
  /** Nobody was there who could say. */
  | { readonly type: "unchecked"; readonly why: string };

/**
 * Asks about the packages of a project.
 * @param options `withTests` includes what only tests need; `registry` default: npm's own setting.
 */
export async function advisoriesOf(
  folder: string,
  options: { readonly withTests: boolean; readonly registry?: string },
): Promise<Advisories> {
  const { withTests, registry } = options;
  const from = registry === undefined ? [] : ["--registry", registry];
  const scope = withTests ? [] : ["--omit=dev"];
  return read(await npm(folder, ["audit", "--json", "--package-lock-only", ...scope, ...from]));
}

/** The exit code says whether something was found, which the text says too. */
function npm(folder: string, words: readonly string[]): Promise<string> {
  const limits = { cwd: folder, timeout: AUDIT_MS, maxBuffer: REPORT_BYTES_MAX };
  return new Promise((resolve) => {
    execFile("npm", [...words], limits, (_error, stdout) => resolve(stdout));
  });
}

/** An advisory among the reasons of a vulnerable package; a text names another package instead. */
interface Via {
  readonly name: string;
  readonly title: string;
  readonly severity: string;
  readonly url: string;
  readonly range: string;
}

interface Report {
  readonly vulnerabilities?: Readonly<Record<string, { readonly via: readonly (Via | string)[] }>>;
  readonly message?: string;
}

function read(text: string): Advisories {
  const report = parsed(text);
  const packages = report?.vulnerabilities;
  if (packages === undefined) {
    const why = report?.message ?? "npm gave no report";
    return { type: "unchecked", why };
  }
  const found = Object.values(packages).flatMap(({ via }) =>
    via.flatMap((reason) => (typeof reason === "string" ? [] : [advisoryOf(reason)])),
  );
  return { type: "checked", found };
}

function parsed(text: string): Report | null {
  try {
    return JSON.parse(text) as Report;
  } catch {
    return null;
  }
}

const advisoryOf = ({ name, title, severity, url, range }: Via): Advisory => ({
  package: name,
  ...{ title, severity, url, range },
});
