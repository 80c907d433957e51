// Whether two values of records say the same: then a change of one to the other is none.

type Fields = Readonly<Record<string, unknown>>;

/** Whether two values say the same, whatever the order of their members. */
export function isSame(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== "object" || typeof right !== "object") return false;
  if (left === null || right === null || Array.isArray(left) !== Array.isArray(right)) return false;
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  const [one, other] = [left as Fields, right as Fields];
  return names.every((name) => name in other && isSame(one[name], other[name]));
}
