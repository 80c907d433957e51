// In which order the objects of a pack are made: each after what it names. Objects that name each other
// in a circle are possible where one of them can be made of its name alone and be changed at the end.

import type { Fields } from "./kinds/kind.ts";
import type { PackObject } from "./pack-source.ts";
import type { Problems } from "./problems.ts";
import { referencesIn } from "./references.ts";

/** An order, and what has to be made bare before all of it. */
export interface Order {
  readonly bare: readonly PackObject[];
  readonly order: readonly PackObject[];
}

/** Finds one. Circles of objects that cannot be bare are problems. */
export async function orderOf(objects: readonly PackObject[], problems: Problems): Promise<Order> {
  const needs = await needsOf(objects, problems);
  const bare = objects.filter((object) => object.kind.canBeBare && isInCircle(object, needs));
  const order: PackObject[] = [];
  const state = new Map<PackObject, "open" | "done">(bare.map((object) => [object, "done"]));
  const visit = (object: PackObject): void => {
    const seen = state.get(object);
    if (seen === "open") {
      problems.add(`${object.pointer}/key`, `${object.name} names itself by way of others.`);
    }
    if (seen !== undefined) return;
    state.set(object, "open");
    for (const other of needs.get(object) ?? []) visit(other);
    state.set(object, "done");
    order.push(object);
  };
  for (const object of objects) visit(object);
  return { bare, order: [...order, ...bare] };
}

type Needs = ReadonlyMap<PackObject, readonly PackObject[]>;

async function needsOf(objects: readonly PackObject[], problems: Problems): Promise<Needs> {
  const byName = new Map(objects.map((object) => [object.name, object]));
  const needs = new Map<PackObject, readonly PackObject[]>();
  for (const object of objects) {
    // A part is there when what it is a part of is.
    const named = referencesIn(object.fields).map(({ name }) => name.split("/", 1)[0] ?? "");
    const own = named.flatMap((name) => byName.get(name) ?? []);
    const used = await usedBy(object, objects, problems);
    needs.set(
      object,
      [...own, ...used].filter((other) => other !== object),
    );
  }
  return needs;
}

/** Others of its kind that it names by what they are called. */
async function usedBy(
  { kind, fields, pointer }: PackObject,
  objects: readonly PackObject[],
  problems: Problems,
): Promise<readonly PackObject[]> {
  const titles =
    (await kind.uses?.(fields).catch((error: unknown) => {
      problems.take(error, pointer);
      return [];
    })) ?? [];
  const titleOf = (of: Fields): unknown => of["name"];
  return objects.filter(
    (other) => other.kind === kind && titles.includes(String(titleOf(other.fields))),
  );
}

function isInCircle(object: PackObject, needs: Needs): boolean {
  const seen = new Set(needs.get(object));
  for (const one of seen) {
    if (one === object) return true;
    for (const next of needs.get(one) ?? []) seen.add(next);
  }
  return false;
}
