// Rules of engines and targets: whose they are, what no schema says of them, and what of one those see whom it is
// granted to.

import type { EngineInput } from "../../../actors/records/engine.ts";
import { checkOperator } from "../../../actors/records/operator-record.ts";
import type { ResourceRecord } from "../../../actors/records/resource.ts";
import { isOperators, type TargetInput } from "../../../actors/records/target.ts";
import type { TSchema } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { loadValidator, validate } from "../validate.ts";
import { checkExists, checkSecretsGiven, type ResourceRules } from "./resource-rules.ts";

/** What they are checked by: loaded with the first one. */
const engineTypes = () => import("../../../actors/engines/engine-types.ts");
const targetTypes = () => import("../../../actors/engines/target-config.ts");

/** Rules of engines. */
export const engineRules: ResourceRules<EngineInput> = {
  permit: (by) => checkOperator(by, "Engines"),
  async check({ type, config = {}, secrets, target }, place) {
    checkSecretsGiven(secrets);
    const [{ engineTypeRules }, { checkVariables }] = await Promise.all([
      engineTypes(),
      targetTypes(),
    ]);
    checkVariables(secrets, "/secrets");
    const rules = engineTypeRules[type];
    await checkConfig(rules.config, config);
    within("/config", () => rules.check?.(config));
    if (target === undefined) return;
    await checkExists(place, target, { prefixes: ["tg"], pointer: "/target" });
  },
  links: ({ target }) => (target === undefined ? {} : { target }),
};

/** Rules of targets. */
export const targetRules: ResourceRules<TargetInput> = {
  permit: (by, { before, after }) => {
    const ofOperator = [before, after].find((one) => one !== null && isOperators(one));
    if (ofOperator == null) return;
    const { granted_to = [], type } = ofOperator;
    checkOperator(
      by,
      granted_to.length > 0 ? "Targets that are granted" : `Targets of type ${type}`,
    );
  },
  async check(input, _place) {
    checkSecretsGiven(input.secrets);
    const { checkTarget, targetConfigs } = await targetTypes();
    await checkConfig(targetConfigs[input.type], input.config ?? {});
    checkTarget(input);
  },
};

/** What of an engine somebody sees to whom it is granted. */
export function engineView(record: ResourceRecord<EngineInput>): ResourceRecord<EngineInput> {
  const { secrets: _, granted_to: __, target: ___, config, ...rest } = record;
  if (record.type !== "direct_ops" || config === undefined) return rest;
  const { commands = [] } = config as { readonly commands?: readonly CommandView[] };
  const shown = commands.map(({ name, description }) => ({ name, description }));
  return { ...rest, config: { commands: shown } };
}

interface CommandView {
  readonly name: string;
  readonly description: string;
}

/** The same of a target. */
export function targetView(record: ResourceRecord<TargetInput>): ResourceRecord<TargetInput> {
  const { secrets: _, granted_to: __, config: ___, ...rest } = record;
  return rest;
}

async function checkConfig(schema: TSchema, config: unknown): Promise<void> {
  await loadValidator();
  within("/config", () => validate(schema, config));
}

/** Errors of a part as those of the whole. */
function within(pointer: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw placed(error, pointer);
  }
}

function placed(error: unknown, pointer: string): unknown {
  if (!(error instanceof RuntimeError)) return error;
  const inner = String(error.details?.["pointer"] ?? "");
  // A message may begin with the place that it is about.
  const message = error.message.startsWith(inner) ? pointer + error.message : error.message;
  const details = { ...error.details, pointer: `${pointer}${inner}` };
  return new RuntimeError(error.code, message, details, { cause: error });
}
