// Which membership is in force, and which one was at every index that is retained. A membership takes effect when its
// entry is appended, committed or not (Raft paper, section 6), and falls back when that entry is truncated. A snapshot
// carries the membership at its own index, never simply the newest one.
import { assert, present } from "../kernel/assert.ts";
import type { LogIndex } from "../kernel/ids.ts";
import { type Configuration, configurationsIn } from "./membership-entry.ts";
import type { RaftState } from "./state.ts";
import { type Entry, isMembershipEntry, type Membership } from "./types.ts";

/** The configuration in force. */
export function current(state: RaftState): Configuration {
  return present(state.configurations.at(-1), "there is always a configuration");
}

/** True while the newest change of membership is not known to be committed. */
export function isUnsettled(state: RaftState): boolean {
  return current(state).index > state.commit;
}

/** The membership in force at an index from the base of the retained log on. */
export function membershipAt(state: RaftState, index: LogIndex): Membership {
  const found = state.configurations.findLast((configuration) => configuration.index <= index);
  return present(found, "the membership of a retained index is known", { index }).membership;
}

/** The one before the newest, if it is still known. */
export function previousMembership(state: RaftState): Membership | null {
  return state.configurations.at(-2)?.membership ?? null;
}

export function noteAppended(state: RaftState, entries: readonly Entry[]): void {
  if (!entries.some(isMembershipEntry)) return;
  const news = configurationsIn(entries);
  replaceHistory(state, [...state.configurations, ...news]);
}

export function noteTruncated(state: RaftState, first: LogIndex): void {
  if (current(state).index < first) return;
  replaceHistory(
    state,
    state.configurations.filter(({ index }) => index < first),
  );
}

/** Forgets the configurations that were replaced at or before the new base of the log. */
export function noteCompacted(state: RaftState, base: LogIndex): void {
  const at = state.configurations.findLastIndex(({ index }) => index <= base);
  if (at > 0) replaceHistory(state, state.configurations.slice(at));
}

export function replaceHistory(state: RaftState, configurations: readonly Configuration[]): void {
  assert(configurations.length > 0, "a member always has a configuration");
  state.configurations = configurations;
  state.membership = current(state).membership;
}
