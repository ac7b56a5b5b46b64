// A state that is being put together from units, and what the next units hang on.
import type { Client, ExpiryBucket } from "../../allocator/model.ts";
import type { FrameworkId } from "../../kernel/ids.ts";
import { createClusterState } from "../initial-state.ts";
import type { Agent, ClusterState, Framework } from "../model.ts";
import { CommonParts } from "./common-parts.ts";

export interface Draft {
  readonly state: ClusterState;
  headSeen: boolean;
  /** Those on the operator's list that have come so far. */
  readonly hosts: Set<string>;
  framework: Framework | undefined;
  agent: Agent | undefined;
  /** The framework whose tasks or executors on the agent come next. */
  onAgent: FrameworkId | undefined;
  client: Client | undefined;
  bucket: ExpiryBucket | undefined;
  readonly common: CommonParts;
}

/** Takes a unit's value. What does not fit makes it throw a TypeError. */
export type Reader = (draft: Draft, value: never) => void;
export type Entries<Key, Value> = readonly (readonly [Key, Value])[];

export function createDraft(): Draft {
  return {
    state: createClusterState(),
    headSeen: false,
    hosts: new Set(),
    framework: undefined,
    agent: undefined,
    onAgent: undefined,
    client: undefined,
    bucket: undefined,
    common: new CommonParts(),
  };
}

/** What a unit hangs on. @throws TypeError if it has not come */
export function owner<Part>(part: Part | undefined): Part {
  if (part === undefined) throw new TypeError("a snapshot's units are not in their order");
  return part;
}

export function fill<Key, Value>(map: Map<Key, Value>, entries: Entries<Key, Value>): void {
  for (const [key, value] of entries) map.set(key, value);
}

export function mark<Key>(map: Map<Key, true>, keys: readonly Key[]): void {
  for (const key of keys) map.set(key, true);
}
