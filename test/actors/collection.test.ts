// The actor of a collection: one merge at a time, and what is said meanwhile is not lost.

import { expect, test } from "vitest";
import {
  type CollectionMessage,
  collectionActor,
  collectionAddress,
} from "../../actors/collection.ts";
import type { Outcome, RunSpec, Turn } from "../../runtime/actor.ts";

function startActor(): {
  started: RunSpec[];
  tell(message: CollectionMessage): void;
  end(run: string, outcome?: Outcome): void;
} {
  const started: RunSpec[] = [];
  const self = collectionAddress("tn_1", "cl_1");
  const turn = {
    self,
    startRun: (spec: RunSpec) => `rn_${started.push(spec)}`,
  } as Partial<Turn> as Turn;
  let state = collectionActor.initial(self);
  const tell = (message: CollectionMessage): void => {
    state = collectionActor.receive(state, message, turn);
  };
  const completed: Outcome = { status: "completed", result: true };
  const kind = "collection-merge";
  return {
    started,
    tell,
    end: (run, outcome = completed) => tell({ type: "run-ended", run, kind, outcome }),
  };
}

test("one merge at a time; what is said meanwhile is one more, forced when files were damaged", () => {
  const { started, tell, end } = startActor();

  tell({ type: "grown" });
  tell({ type: "grown" });
  tell({ type: "damaged" });
  tell({ type: "grown" });
  expect(started).toHaveLength(1);
  end("rn_1");
  expect(started.map(({ input }) => input)).toEqual([
    { collection: "cl_1", isForced: false },
    { collection: "cl_1", isForced: true },
  ]);
  end("rn_1");
  end("rn_2");
  expect(started).toHaveLength(2);

  tell({ type: "grown" });
  expect(started).toHaveLength(3);
});

test("a merge that failed is not begun again before something is said", () => {
  const { started, tell, end } = startActor();
  const error = { code: "STORE_FULL", message: "No room." } as const;

  tell({ type: "grown" });
  tell({ type: "grown" });
  end("rn_1", { status: "failed", error });
  expect(started).toHaveLength(1);

  tell({ type: "grown" });
  expect(started).toHaveLength(2);
});
