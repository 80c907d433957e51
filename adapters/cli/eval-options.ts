// What every evaluation has in common on the command line: options read alike, and a report that is
// printed, or given as JSON, and written as a page.

import { writeFile } from "node:fs/promises";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { RuntimeError } from "../../runtime/errors.ts";

/** Where the report goes; part of the options of each evaluation. */
export const reportOptions = {
  out: { type: "string" },
  json: { type: "boolean" },
} as const;

/** Values of `reportOptions`. */
export interface ReportValues {
  readonly out?: string | undefined;
  readonly json?: boolean | undefined;
}

type Parsed<Options extends NonNullable<ParseArgsConfig["options"]>> = ReturnType<
  typeof parseArgs<{
    args: string[];
    options: Options;
    strict: true;
    allowPositionals: true;
  }>
>;

/** Reads the arguments of an evaluation. @throws INVALID naming the option. */
export function evalArgs<Options extends NonNullable<ParseArgsConfig["options"]>>(
  args: readonly string[],
  options: Options & typeof reportOptions,
): Parsed<Options & typeof reportOptions> {
  const parsed = parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
  const { out } = parsed.values as ReportValues;
  if (out !== undefined && !out.toLowerCase().endsWith(".html")) {
    throw new RuntimeError("INVALID", "--out names an .html file");
  }
  return parsed;
}

/** A number option between 0 and 1; undefined when it is not given. @throws INVALID. */
export function shareOf(
  values: Readonly<Record<string, unknown>>,
  name: string,
): number | undefined {
  const given = values[name];
  if (given === undefined) return undefined;
  const share = Number(given);
  if (given !== "" && share >= 0 && share <= 1) return share;
  throw new RuntimeError("INVALID", `--${name} is 0 to 1`);
}

/** A report in its three forms. */
export interface Report {
  /** What `--json` prints. */
  readonly data: unknown;
  print(): void;
  page(): string;
}

/** Prints a report, and writes its page where one is wanted. */
export async function deliver(report: Report, { out, json }: ReportValues): Promise<void> {
  if (json === true) console.log(JSON.stringify(report.data, null, 1));
  else report.print();
  if (out === undefined) return;
  await writeFile(out, report.page());
  if (json !== true) console.log(`\nThe page with plots is ${out}`);
}
