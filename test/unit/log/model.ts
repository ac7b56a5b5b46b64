// A deliberately simple reference of the log: a list of changes, each acknowledged or not. After a restart the log must
// be what some number of the changes in order give, all acknowledged ones among them.
import type { HardState, LogEntry, LogPoint } from "../../../src/log/index.ts";
import { plain, vote } from "./fixture.ts";

export type Change =
  | { readonly kind: "entry"; readonly entry: LogEntry }
  | { readonly kind: "hardState"; readonly hardState: HardState }
  | { readonly kind: "reset"; readonly point: LogPoint };

export interface State {
  readonly hardState: HardState;
  /** The index before the first entry that is known, and its term. */
  readonly base: { readonly index: number; readonly term: number };
  readonly entries: readonly LogEntry[];
}

export const emptyState: State = { hardState: vote(0), base: { index: 0, term: 0 }, entries: [] };

export function lastIndex(state: State): number {
  return state.entries.at(-1)?.index ?? state.base.index;
}

export function termAt(state: State, index: number): number | undefined {
  if (index === state.base.index) return state.base.term;
  return state.entries.find((entry) => entry.index === index)?.term;
}

export function apply(state: State, change: Change): State {
  if (change.kind === "hardState") return { ...state, hardState: change.hardState };
  if (change.kind === "reset") return { ...state, base: { ...change.point }, entries: [] };
  const kept = state.entries.filter((entry) => entry.index < change.entry.index);
  return { ...state, entries: [...kept, change.entry] };
}

/** What a start makes of a state and the newest snapshot: entries that do not lead up to it are dropped. */
export function withSnapshot(state: State, snapshot: LogPoint | undefined): State {
  if (snapshot === undefined || termAt(state, snapshot.index) === snapshot.term) return state;
  if (snapshot.index < state.base.index) return state;
  return { ...state, base: { ...snapshot }, entries: [] };
}

/** The entries that a restart must give back: all after the snapshot. */
export function essence(state: Pick<State, "entries">, snapshot: LogPoint | undefined): string {
  const after = state.entries.filter((entry) => entry.index > (snapshot?.index ?? 0));
  return JSON.stringify(plain(after));
}
