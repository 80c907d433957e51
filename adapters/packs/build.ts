// Makes a pack in a draft of the tenant's tables: every object by the service of its kind, with the checks
// that it would have to pass alone. What comes of it is the plan; stored, it is the apply.

import { RuntimeError } from "../../runtime/errors.ts";
import type { Caller } from "../http/services/agent-store.ts";
import { isSame } from "../http/services/same.ts";
import { createDraft, type GivenIds, type PackContext } from "./context.ts";
import { type Difference, differencesOf } from "./differences.ts";
import type { Draft, Fields, Known, Made, Wanted } from "./kinds/kind.ts";
import { kindOf } from "./kinds/kinds.ts";
import { orderOf } from "./order.ts";
import type { Pack, PackObject } from "./pack-source.ts";
import type { OwnedObject, PackRow, PackVersion } from "./records.ts";
import { referencesIn, withIds } from "./references.ts";

/** What becomes of an object. */
export interface Change {
  readonly action: "create" | "update" | "delete" | "unchanged";
  /** "agent". */
  readonly kind: string;
  readonly name: string;
  /** null for one that is to be made. */
  readonly id: string | null;
  readonly fields: readonly Difference[];
}

/** What somebody changed of an object since the pack made it. */
export interface Drift {
  readonly kind: string;
  readonly name: string;
  readonly id: string;
  readonly is_missing: boolean;
  readonly fields: readonly Difference[];
}

/** A pack as it would be. */
export interface Built {
  readonly draft: Draft;
  readonly changes: readonly Change[];
  readonly drift: readonly Drift[];
  readonly objects: ReadonlyMap<string, BuiltObject>;
  /** What goes. */
  readonly removed: readonly OwnedObject[];
}

/** An object as it would be. */
export interface BuiltObject {
  readonly object: PackObject;
  readonly made: Made;
  readonly before: OwnedObject | null;
}

/** What a pack is at the moment; null for one that was never applied. */
export interface Present {
  readonly row: PackRow;
  readonly version: PackVersion;
  readonly revision: string;
}

/** Builds. @throws INVALID with `details.problems`. */
export async function build(
  context: PackContext,
  caller: Caller,
  pack: Pack,
  { present, ids }: { readonly present: Present | null; readonly ids: GivenIds },
): Promise<Built> {
  const draft = createDraft(context, caller, ids);
  const work = new Building(draft, pack, present);
  await work.lookBack();
  const { bare, order } = await orderOf(pack.objects, pack.problems);
  pack.problems.check();
  for (const object of bare) await work.make(object, true);
  for (const object of order) await work.make(object, false);
  await work.removeRest();
  pack.problems.check();
  return work.built();
}

class Building {
  readonly #draft: Draft;
  readonly #pack: Pack;
  readonly #present: Present | null;
  readonly #drift: Drift[] = [];
  /** As they were before, of those that are there. */
  readonly #before = new Map<string, Made>();
  readonly #made = new Map<string, BuiltObject>();
  readonly #removed: OwnedObject[] = [];
  readonly #removals: Change[] = [];
  readonly #failed = new Set<string>();
  readonly #newNames = new Map<string, string>();

  constructor(draft: Draft, pack: Pack, present: Present | null) {
    this.#draft = draft;
    this.#pack = pack;
    this.#present = present;
  }

  /** Reads what the pack made, and what has become of it. */
  async lookBack(): Promise<void> {
    for (const [name, owned] of Object.entries(this.#present?.row.objects ?? {})) {
      const kind = kindOf(owned.section);
      if (kind === undefined) continue;
      const now = await kind.read(this.#draft, owned);
      const applied = this.#present?.version.fields[name] ?? {};
      if (now !== null) this.#before.set(name, now);
      const fields = now === null ? [] : differencesOf(applied, now.fields);
      if (now === null || fields.length > 0) {
        const { id } = owned;
        this.#drift.push({ kind: kind.name, name, id, is_missing: now === null, fields });
      }
    }
  }

  async make(object: PackObject, isBare: boolean): Promise<void> {
    const { kind, name, pointer } = object;
    const { problems } = this.#pack;
    const known = this.#knownOf(object);
    if (isBare && known !== null) return;
    const made = this.#made.get(name);
    const wanted: Wanted = {
      name,
      fields: (isBare ? { name: object.fields["name"] } : this.#resolved(object)) as Fields,
    };
    // What it names could not be made, which was said: of this nothing more can be.
    const [open] = isBare ? [] : referencesIn(wanted.fields);
    if (open !== undefined) {
      this.#failed.add(name);
      const text = `${open.name.slice(0, 130)} could not be made.`;
      if (problems.isEmpty) problems.add(`${pointer}${open.pointer}`, text);
      return;
    }
    const there: Known | null = made?.made ?? known;
    try {
      const next =
        there === null
          ? await kind.create(this.#draft, wanted)
          : await kind.change(this.#draft, wanted, there);
      const before = known === null ? null : (this.#present?.row.objects[name] ?? null);
      this.#made.set(name, { object, made: next, before });
    } catch (error) {
      this.#failed.add(name);
      problems.take(this.#missed(error), pointer);
    }
  }

  /** A secret that was not sent and is not stored either is missed by its own name. */
  #missed(error: unknown): unknown {
    const isKept = error instanceof RuntimeError && /could be kept|again\.$/.test(error.message);
    if (!isKept || this.#pack.missing.size === 0) return error;
    const names = [...this.#pack.missing].join(", ");
    const text = `The secret has to be sent: ${names}.`;
    return new RuntimeError("INVALID", text, error.details, { cause: error });
  }

  #resolved({ name, fields }: PackObject): unknown {
    return withIds(fields, {
      idOf: (named) => this.#idOf(named, name),
      versionOf: (named) => this.#made.get(named)?.made.version,
    });
  }

  /** Id of an object that is made, or of a part of the one that is being made. */
  #idOf(name: string, within = ""): string | undefined {
    const [owner = "", part] = name.split("/");
    const made = this.#made.get(owner)?.made;
    if (part === undefined) return made?.id;
    if (owner !== within) return made?.parts[part];
    const known = this.#knownByName(owner)?.parts[part];
    return known ?? this.#draft.newId("sa", name);
  }

  #knownOf({ name, kind }: PackObject): Known | null {
    const known = this.#knownByName(name);
    const owned = this.#present?.row.objects[name];
    return known !== null && owned?.section === kind.section ? known : null;
  }

  #knownByName(name: string): Known | null {
    return this.#before.get(name) ?? null;
  }

  /** Removes what the pack made and has no more, each when nothing names it. */
  async removeRest(): Promise<void> {
    const objects = Object.entries(this.#present?.row.objects ?? {});
    let left = objects.filter(([name, { section }]) => {
      const isThere = this.#made.get(name)?.object.kind.section === section;
      return !isThere && !this.#failed.has(name) && this.#before.has(name);
    });
    let isBare = false;
    for (let refused: unknown; left.length > 0; ) {
      const still: typeof left = [];
      for (const [name, owned] of left.toReversed()) {
        try {
          await this.#remove(name, owned);
        } catch (error) {
          refused = error;
          still.push([name, owned]);
        }
      }
      if (still.length < left.length) {
        left = still.toReversed();
        continue;
      }
      if (isBare) {
        // Of a pack that is removed there is no file in which something could be wrong.
        if (this.#pack.objects.length === 0) throw refused;
        this.#pack.problems.take(refused, "");
        return;
      }
      // They name each other: those that can be are made to name nothing.
      for (const [name, owned] of still) await this.#strip(name, owned);
      isBare = true;
    }
  }

  async #remove(name: string, owned: OwnedObject): Promise<void> {
    const kind = kindOf(owned.section);
    if (kind === undefined) return;
    await kind.remove(this.#draft, owned);
    this.#removed.push(owned);
    const fields = this.#before.get(name)?.fields ?? {};
    const change = { action: "delete", kind: kind.name, name, id: owned.id } as const;
    this.#removals.push({ ...change, fields: differencesOf(fields, {}) });
  }

  async #strip(name: string, owned: OwnedObject): Promise<void> {
    const kind = kindOf(owned.section);
    const title = this.#before.get(name)?.fields["name"];
    if (kind?.canBeBare !== true || title === undefined) return;
    await kind.change(this.#draft, { name, fields: { name: title } }, owned);
  }

  built(): Built {
    const changes = this.#pack.objects.flatMap(({ name }) => {
      const built = this.#made.get(name);
      return built === undefined ? [] : [this.#changeOf(name, built)];
    });
    return {
      draft: this.#draft,
      changes: [...changes, ...this.#removals],
      drift: this.#drift,
      objects: this.#made,
      removed: this.#removed,
    };
  }

  #changeOf(name: string, { object, made }: BuiltObject): Change {
    const kind = object.kind.name;
    const before = this.#knownOf(object) === null ? undefined : this.#before.get(name);
    if (before === undefined) {
      const fields = differencesOf({}, withNewNames(made.fields, this.#names()));
      return { action: "create", kind, name, id: null, fields };
    }
    const fields = differencesOf(before.fields, withNewNames(made.fields, this.#names()));
    // Of a secret only that it is another one is shown.
    const isSecret = fields.length === 0 && before.version !== made.version;
    const secret: Difference = { pointer: "", before: "***", after: "*** (another secret)" };
    const all = isSecret ? [secret] : fields;
    const isNone = isSame(before.version, made.version);
    return { action: isNone ? "unchanged" : "update", kind, name, id: made.id, fields: all };
  }

  /** Names of what is to be made, by the ids that it has in this draft alone. */
  #names(): ReadonlyMap<string, string> {
    if (this.#newNames.size === 0) {
      for (const [name, { made, object }] of this.#made) {
        const known = this.#knownOf(object);
        if (known === null) this.#newNames.set(made.id, name);
        for (const [part, id] of Object.entries(made.parts)) {
          if (known?.parts[part] === undefined) this.#newNames.set(id, `${name}/${part}`);
        }
      }
    }
    return this.#newNames;
  }
}

/** With `{ref: NAME}` for what has no id yet. */
function withNewNames(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (typeof value === "string") return names.has(value) ? { ref: names.get(value) } : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((inner) => withNewNames(inner, names));
  const members = Object.entries(value).map(([name, inner]) => [name, withNewNames(inner, names)]);
  return Object.fromEntries(members);
}
