// Under which licences the packages stand that the product is made of, and whether they allow what is
// done with them. Read from the lockfile, so that what is judged is what an install brings.

import satisfies from "spdx-satisfies";

/** Licences that ask for no more than their own text and a notice (SPDX identifiers). */
export const permissive: readonly string[] = [
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  // MIT without the duty to name the author.
  "MIT-0",
  "PSF-2.0",
  "Unlicense",
  "Zlib",
];

/** Beside them, for packages that only tests use: they are not part of what is given away. */
export const forTests: readonly string[] = [
  ...permissive,
  "CC-BY-3.0",
  "LGPL-3.0-or-later",
  "MPL-2.0",
];

/** What a package's own text says where its `license` is no SPDX expression, or missing; each was read. */
export const asRead: Readonly<Record<string, string>> = {
  duck: "BSD-2-Clause",
  usearch: "Apache-2.0",
  "compute-gcd": "MIT",
  "compute-lcm": "MIT",
  "validate.io-function": "MIT",
  "validate.io-integer": "MIT",
  "validate.io-integer-array": "MIT",
  "validate.io-number": "MIT",
};

/** A lockfile of version 3, as far as it is read. */
export interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** One of its packages, by the folder it is installed in; "" is the project itself. */
export interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  /** Only tests need it. */
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

/** A package whose licence does not allow its use. */
export interface LicenceFinding {
  readonly package: string;
  readonly version: string;
  readonly licence: string;
  readonly use: "product" | "tests";
}

/** What is wrong with the licences of a lockfile's packages; empty when nothing is. */
export function licenceFindings(lockfile: Lockfile): readonly LicenceFinding[] {
  return Object.entries(lockfile.packages).flatMap(([folder, locked]) => {
    if (folder === "") return [];
    const name = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
    const use = locked.dev || locked.devOptional ? "tests" : "product";
    const licence = asRead[name] ?? locked.license ?? "none";
    if (isAllowed(licence, use === "product" ? permissive : forTests)) return [];
    return [{ package: name, version: locked.version ?? "", licence, use } as const];
  });
}

/** A choice of licences is allowed when one of them is, several together when all are. */
function isAllowed(licence: string, allowed: readonly string[]): boolean {
  try {
    return satisfies(licence, [...allowed]);
  } catch {
    return false;
  }
}
