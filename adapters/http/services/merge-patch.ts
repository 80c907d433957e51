// JSON merge patches (RFC 7396).

type Fields = Readonly<Record<string, unknown>>;

/**
 * What a patch makes of an object: null takes a member away, objects are merged, all else is set.
 * @param patch null empties the object.
 */
export function mergePatch(before: Fields, patch: Fields | null): Fields {
  if (patch === null) return {};
  const members = new Map(Object.entries(before));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else {
      const old = members.get(name);
      members.set(name, isObject(value) ? mergePatch(isObject(old) ? old : {}, value) : value);
    }
  }
  return Object.fromEntries(members);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
