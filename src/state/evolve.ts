// The only code that changes the cluster's state: one event at a time.
import type { Millis } from "../kernel/ids.ts";
import type { Event } from "./events.ts";
import type { ClusterState } from "./model.ts";

export declare function createState(): ClusterState;
/** Applies an event that was decided on this very state, or read from the log. `time` is the entry's. */
export declare function evolve(state: ClusterState, event: Event, time: Millis): void;
