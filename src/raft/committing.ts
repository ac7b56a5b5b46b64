// The commit index: it only grows, and never past the end of the log.
import { assert } from "../kernel/assert.ts";
import type { LogIndex } from "../kernel/ids.ts";
import { lastIndex } from "./entry-log.ts";
import type { RaftState } from "./state.ts";

/** Moves the commit index forward; what it passes is handed out when the step ends. */
export function advanceCommit(state: RaftState, index: LogIndex): void {
  if (index <= state.commit) return;
  assert(index <= lastIndex(state.log), "commit past the end of the log", {
    index,
    lastIndex: lastIndex(state.log),
  });
  state.commit = index;
}
