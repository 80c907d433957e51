// Where a pack may name a secret: in headers of tools that are shown to nobody. Anywhere else its value
// would stand in records, plans and exports for all to read.

import { isSecretHeader } from "../../actors/tools/secret-headers.ts";
import { secretIn } from "./expand.ts";
import type { Problems } from "./problems.ts";

type Fields = Readonly<Record<string, unknown>>;

const TEXT =
  "A secret stands in a header of a tool whose name says that it is one, such as Authorization, or that secret_headers names: this is shown to readers.";

/** Says of each secret in an object, as it is written, that it must not stand there. */
export function checkSecretPlaces(value: unknown, pointer: string, problems: Problems): void {
  if (!isObject(value)) return;
  if (secretIn(value) !== undefined) {
    problems.add(pointer, TEXT);
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    const place = `${pointer}/${escaped(name)}`;
    if (name === "config" && isObject(inner)) checkConfig(inner, place, problems);
    else checkSecretPlaces(inner, place, problems);
  }
}

function checkConfig(config: Fields, pointer: string, problems: Problems): void {
  const { headers, ...rest } = config;
  checkSecretPlaces(rest, pointer, problems);
  for (const [name, value] of Object.entries(isObject(headers) ? headers : {})) {
    const isHidden =
      isObject(value) && secretIn(value) !== undefined && isSecretHeader(name, config);
    if (!isHidden) checkSecretPlaces(value, `${pointer}/headers/${escaped(name)}`, problems);
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

const escaped = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");
