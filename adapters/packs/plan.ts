// What an apply would do, for people to read and to agree to: its revision names exactly this, so that
// what was planned is what is applied.

import { createHash } from "node:crypto";
import { balanceCounter } from "../../actors/records/conversation.ts";
import { unitsOf } from "../../actors/records/price.ts";
import type { TableWrite } from "../../runtime/system.ts";
import type { Built, Change, Drift, Present } from "./build.ts";
import type { DocumentChange, DocumentWork } from "./documents.ts";
import type { Pack } from "./pack-source.ts";

/** A plan. */
export interface Plan {
  readonly pack: string;
  /** null for a pack that was never applied. */
  readonly pack_id: string | null;
  /** Of the pack, as it is. */
  readonly version: number | null;
  readonly revision: string;
  readonly summary: Readonly<Record<Change["action"], number>>;
  readonly changes: readonly Change[];
  readonly documents: readonly (DocumentChange & { readonly collection: string })[];
  readonly drift: readonly Drift[];
  /** Secrets that the pack refers to and that were not sent: what is stored of them stays. */
  readonly secrets_missing: readonly string[];
  /** Units that it costs, as its agents would one by one. */
  readonly charge: number;
}

/** The plan of what was built. */
export function planOf(
  pack: Pack,
  present: Present | null,
  built: Built,
  works: readonly DocumentWork[],
): Plan {
  const { changes, drift } = built;
  const documents = works.flatMap(({ name: collection, changes: all }) =>
    all.map((change) => ({ collection, ...change })),
  );
  const summary = { create: 0, update: 0, delete: 0, unchanged: 0 };
  for (const { action } of [...changes, ...documents]) summary[action] += 1;
  const of = {
    pack: pack.name,
    pack_id: present?.row.id ?? null,
    version: present?.row.version ?? null,
  };
  const content = [of, present?.revision ?? null, pack.label, pack.description, changes, documents];
  const stands = [...built.objects.values()].map(({ made }) => made.version);
  const text = JSON.stringify([...content, drift, stands, hashOf(works)]);
  return {
    ...of,
    revision: createHash("sha256").update(text).digest("hex").slice(0, 32),
    ...{ summary, changes, documents, drift },
    secrets_missing: [...pack.missing],
    charge: chargeOf(built.draft.tables.writes()),
  };
}

/** Whether an apply would store nothing but that it was. */
export function isEmpty({ summary }: Plan): boolean {
  return summary.create + summary.update + summary.delete === 0;
}

function hashOf(works: readonly DocumentWork[]): string {
  const texts = works.map(({ put }) => put);
  return createHash("sha256").update(JSON.stringify(texts)).digest("hex");
}

function chargeOf(writes: readonly TableWrite[]): number {
  const paid = writes.find((write) => write.type === "add" && write.counter === balanceCounter);
  return paid?.type === "add" ? unitsOf(-paid.delta) : 0;
}
