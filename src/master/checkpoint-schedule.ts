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
  #eventsNeeded = 0;

  /** @param interval entries; the same on every member */
  constructor(interval: number) {
    this.#interval = interval;
  }

  /** Counts anew from a checkpoint: one that is due, or one that was restored. */
  restart(index: LogIndex, state: ClusterState): void {
    this.#index = index;
    this.#bytes = 0;
    this.#eventCount = state.eventCount;
    this.#eventsNeeded = eventsNeeded(state);
  }

  /**
   * To be told of every entry that holds events, with the state as of it.
   * @param bytes of its payload
   * @returns whether a checkpoint is due there
   */
  isDueAt(index: LogIndex, bytes: number, state: ClusterState): boolean {
    this.#bytes += bytes;
    const events = state.eventCount - this.#eventCount;
    const interval = this.#interval;
    const passed = Math.floor(index / interval) > Math.floor(this.#index / interval);
    const due = passed || this.#bytes >= CHECKPOINT_BYTES || events >= CHECKPOINT_EVENTS;
    if (!due || events < this.#eventsNeeded) return false;
    this.restart(index, state);
    return true;
  }
}

/** A large state is written again when about as much has happened as it holds: an event costs the same share of it. */
function eventsNeeded(state: ClusterState): number {
  let parts = state.agents.size;
  for (const { tasks, unreachableTasks } of state.frameworks.values()) {
    parts += 1 + tasks.size + unreachableTasks.size;
  }
  return parts <= CHECKPOINT_SMALL_STATE_PARTS ? 0 : parts;
}
