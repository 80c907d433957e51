// Runs checks one after the other, none longer than a check may take.

import { type Check, error, type Finding, type Patient, wordsOf } from "./check.ts";

/** Time of one check, ms. */
const CHECK_MS = 20_000;

/** A finding and whose it is. */
export interface Examined extends Finding {
  readonly check: string;
}

/** What all checks find, in their order. */
export async function examine(
  checks: readonly Check[],
  patient: Patient,
): Promise<readonly Examined[]> {
  const found: Examined[] = [];
  for (const check of checks) {
    const findings = await within(check, patient).catch((thrown: unknown) => [
      error(`It could not be looked at: ${wordsOf(thrown)}`, "See what the sentence names."),
    ]);
    for (const finding of findings) found.push({ check: check.name, ...finding });
  }
  return found;
}

async function within(check: Check, patient: Patient): Promise<readonly Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const text = `no answer within ${CHECK_MS / 1_000} s`;
    timer = setTimeout(() => reject(new Error(text)), CHECK_MS);
  });
  try {
    return await Promise.race([check.run(patient), late]);
  } finally {
    clearTimeout(timer);
  }
}
