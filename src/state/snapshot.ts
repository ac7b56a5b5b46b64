// The whole state as bytes, and back; and its digest, by which replicas compare. The bytes are canonical: Maps in their
// order, which is part of the state, and every object's fields in theirs. A state that was restored and goes on has the
// same digests as one that never stopped.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { createAllocatorState } from "../allocator/index.ts";
import { asMillis } from "../kernel/ids.ts";
import { err, ok, type Result } from "../kernel/result.ts";
import { type DecodeError, malformed, unpackVersioned } from "./codec.ts";
import { FORMAT_VERSION, migrate } from "./migrations/index.ts";
import type { ClusterState } from "./model.ts";
import { packValue } from "./packing.ts";

/** The state before the first event. */
export function createClusterState(): ClusterState {
  return {
    clusterId: null,
    time: asMillis(0),
    eventCount: 0,
    leader: null,
    minted: { frameworks: 0, agents: 0, offers: 0 },
    frameworks: new Map(),
    completedFrameworks: new Map(),
    agents: new Map(),
    goneAgents: new Map(),
    offers: new Map(),
    absentFrameworks: new Map(),
    absentAgents: new Map(),
    allocator: createAllocatorState(),
    digests: [],
  };
}

export function encodeSnapshot(state: ClusterState): Uint8Array {
  return packValue([FORMAT_VERSION, state]);
}

export function decodeSnapshot(bytes: Uint8Array): Result<ClusterState, DecodeError> {
  const unpacked = unpackVersioned(bytes, 2);
  if (!unpacked.ok) return unpacked;
  const { version, parts } = unpacked.value;
  const state = migrate(parts[0], "state", version);
  if (!hasShapeOfState(state)) return err(malformed("it does not hold a cluster's state"));
  return ok(state);
}

/** Lower-case hexadecimal SHA-256 of a snapshot's bytes. */
export function digestOf(snapshot: Uint8Array): string {
  return bytesToHex(sha256(snapshot));
}

export function digest(state: ClusterState): string {
  return digestOf(encodeSnapshot(state));
}

/** Enough to tell a state from other data; its content is vouched for by the checksum of the file it came in. */
function hasShapeOfState(value: unknown): value is ClusterState {
  if (typeof value !== "object" || value === null) return false;
  const wanted = Object.entries(createClusterState());
  const found = new Map<string, unknown>(Object.entries(value));
  return wanted.every(
    ([name, part]) => found.has(name) && part instanceof Map === found.get(name) instanceof Map,
  );
}
