// The whole state as bytes, and back; and its digest, by which replicas compare. The bytes are canonical: Maps in their
// order, which is part of the state, and every object's fields in theirs. A state that was restored and goes on has the
// same digests as one that never stopped. How a state is packed while it goes on is in checkpoint/walk.ts.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { NewHash } from "../kernel/ports.ts";
import type { Result } from "../kernel/result.ts";
import { createSnapshotDecoder } from "./checkpoint/decoder.ts";
import { beginWalk } from "./checkpoint/walk.ts";
import type { DecodeError } from "./codec.ts";
import { joined } from "./joined.ts";
import type { ClusterState } from "./model.ts";

export { createClusterState } from "./initial-state.ts";

/** In one go: for tools and tests; a master takes its snapshots by a walk. */
export function encodeSnapshot(state: ClusterState): Uint8Array {
  const chunks: Uint8Array[] = [];
  const walk = beginWalk(state);
  for (let chunk = walk.next(); chunk !== null; chunk = walk.next()) chunks.push(chunk);
  return joined(chunks);
}

export function decodeSnapshot(bytes: Uint8Array): Result<ClusterState, DecodeError> {
  const decoder = createSnapshotDecoder();
  decoder.push(bytes);
  for (let step = decoder.step(); !step.ok || step.value; step = decoder.step()) if (!step.ok) return step;
  return decoder.end();
}

/** Lower-case hexadecimal SHA-256 of a snapshot's bytes. */
export function digestOf(snapshot: Uint8Array): string {
  return bytesToHex(sha256(snapshot));
}

/** @param chunkUnitsMax as of the masters with whose digests it is to be compared, if not the default */
export function digest(state: ClusterState, chunkUnitsMax?: number, newHash?: NewHash): string {
  const walk = beginWalk(state, chunkUnitsMax, newHash);
  while (!walk.over()) walk.next();
  return walk.digest();
}
