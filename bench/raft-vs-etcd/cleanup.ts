// What must be undone however the benchmark ends: processes, and folders with their data.

export interface Cleanup {
  /** @returns what undoes it now, once */
  add(undo: () => Promise<void>): () => Promise<void>;
  /** Undoes all that is left. */
  run(): Promise<void>;
}

export function createCleanup(): Cleanup {
  const left = new Set<() => Promise<void>>();
  const take = async (undo: () => Promise<void>): Promise<void> => {
    if (left.delete(undo)) await undo();
  };
  return {
    add(undo) {
      left.add(undo);
      return () => take(undo);
    },
    async run() {
      await Promise.allSettled([...left].map(take));
    },
  };
}
