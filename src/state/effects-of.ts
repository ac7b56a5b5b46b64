// What the leader sends because of an event, read from the state right after `evolve` applied that event.
import type { Effect } from "./effects.ts";
import type { Event } from "./events.ts";
import type { ClusterState } from "./model.ts";

export declare function effectsOf(event: Event, state: ClusterState): readonly Effect[];
