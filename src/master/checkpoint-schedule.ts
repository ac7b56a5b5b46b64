// At which entries checkpoints are due: worked out from the log and the state alone, so that all replicas choose the same
// indexes and their digests can be compared there, whether a member takes each one or is still busy with the one before.
import type { LogIndex } from "../kernel/ids.ts";
import type { ClusterState } from "../state/model.ts";
import { CHECKPOINT_BYTES, CHECKPOINT_EVENTS, CHECKPOINT_SMALL_STATE_PARTS } from "./limits.ts";

export class CheckpointSchedule {
  readonly #interval: number;
  #index = 0;
  #bytes = 0;
  #eventCount = 0;
  /** As of the entry before. */
  #eventsBefore = 0;

  /** @param interval entries; the same on every member */
  constructor(interval: number) {
    this.#interval = interval;
  }

  /** Counts anew from a checkpoint: one that is due, or one that was restored. */
  restart(index: LogIndex, state: ClusterState): void {
    this.#index = index;
    this.#bytes = 0;
    this.#eventCount = state.eventCount;
    this.#eventsBefore = state.eventCount;
  }

  /**
   * To be told of every entry that holds events, with the state as of it.
   * @param bytes of its payload
   * @returns whether a checkpoint is due there
   */
  isDueAt(index: LogIndex, bytes: number, state: ClusterState): boolean {
    this.#bytes += bytes;
    const before = this.#eventsBefore;
    this.#eventsBefore = state.eventCount;
    if (!this.#isTimeAt(index, state) || !isTimeForItsSize(state, before)) return false;
    this.restart(index, state);
    return true;
  }

  #isTimeAt(index: LogIndex, state: ClusterState): boolean {
    const interval = this.#interval;
    return (
      Math.floor(index / interval) > Math.floor(this.#index / interval) ||
      this.#bytes >= CHECKPOINT_BYTES ||
      state.eventCount - this.#eventCount >= CHECKPOINT_EVENTS
    );
  }
}

/**
 * A large state is written again when about as much has happened as it holds, so that an event costs the same share of
 * it: where the count of all events passes a multiple of a power of two that is no less than its parts. Counted from
 * the log's beginning and not from the replica's last checkpoint: replicas that once were out of step meet again.
 */
function isTimeForItsSize(state: ClusterState, eventsBefore: number): boolean {
  let parts = state.agents.size;
  for (const { tasks, unreachableTasks } of state.frameworks.values()) {
    parts += 1 + tasks.size + unreachableTasks.size;
  }
  if (parts <= CHECKPOINT_SMALL_STATE_PARTS) return true;
  const epoch = 2 ** Math.ceil(Math.log2(parts));
  return Math.floor(state.eventCount / epoch) > Math.floor(eventsBefore / epoch);
}
