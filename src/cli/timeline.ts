// What happened when, for the end of `tepui up`'s example: one line each, milliseconds since the start.

export interface Timeline {
  /** Only the first call with a key counts, so that "first offer" may be noted at every offer. */
  note(key: string, text: string): void;
  /** Milliseconds between two notes; undefined while one is missing. */
  between(from: string, to: string): number | undefined;
  lines(): readonly string[];
}

export function createTimeline(nowMs: () => number): Timeline {
  const start = nowMs();
  const notes = new Map<string, { readonly at: number; readonly text: string }>();
  return {
    note(key, text) {
      if (!notes.has(key)) notes.set(key, { at: nowMs() - start, text });
    },
    between(from, to) {
      const a = notes.get(from);
      const b = notes.get(to);
      return a === undefined || b === undefined ? undefined : Math.round(b.at - a.at);
    },
    lines: () =>
      [...notes.values()].map(({ at, text }) => `${(at / 1000).toFixed(3).padStart(8)} s  ${text}`),
  };
}
