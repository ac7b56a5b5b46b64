// Bugs of what is made of the log: 22 and 25.
import type { Mutant } from "../mutant.ts";

export const STATE_MUTANTS: readonly Mutant[] = [
  {
    id: "22a",
    why: "A status update that an agent repeats to the next leader is taken once more, though it was acknowledged.",
    edits: [
      {
        file: "src/state/decide/tasks.ts",
        old: "return uuid !== null && task.acknowledgedUuid === uuid;",
        new: "return false;",
      },
    ],
    world: "cluster",
    seed: 1,
    ticks: 1_500,
  },
  {
    id: "25a",
    why: "Applying an event depends on something else than state and event, here on what the process did before.",
    edits: [
      {
        file: "src/state/evolve/tasks.ts",
        old: "    launchedAt: time,",
        new: "    launchedAt: (time + (globalThis.done = ((globalThis as { done?: number }).done ?? 0) + 1)) as Millis,",
      },
    ],
    world: "cluster",
    seed: 1,
    ticks: 1_500,
  },
  {
    id: "25b",
    why: "A snapshot says that it is as of another entry than it is, so that a restart applies an entry twice.",
    edits: [
      {
        file: "src/master/master.ts",
        old: "this.node.saveSnapshot(index, chunks)",
        new: "this.node.saveSnapshot(asIndex(Math.max(1, index - 1)), chunks)",
      },
    ],
    world: "cluster",
    seed: 1,
    ticks: 1_500,
  },
];
