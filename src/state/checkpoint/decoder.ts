// A snapshot read as it comes in, chunk by chunk, so that no more than the state and a chunk need be in memory, and so
// that the caller may do other things in between. Snapshots of format 1 are one packed value: they are gathered first.
import { err, ok, type Result } from "../../kernel/result.ts";
import { type DecodeError, malformed, unpackVersioned } from "../codec.ts";
import { createClusterState } from "../initial-state.ts";
import { FORMAT_VERSION, migrate } from "../migrations/index.ts";
import type { ClusterState } from "../model.ts";
import { unpackValue } from "../packing.ts";
import { createDraft } from "./draft.ts";
import { FRAMES_MARK, FrameSplitter, PREAMBLE_BYTES } from "./frames.ts";
import { addUnit } from "./restore.ts";

export interface SnapshotDecoder {
  /** Takes the next bytes, in pieces of any length. */
  push(piece: Uint8Array): void;
  /** Works on one chunk. @returns whether there was a whole one */
  step(): Result<boolean, DecodeError>;
  /** All bytes have been pushed and stepped through. */
  end(): Result<ClusterState, DecodeError>;
}

export function createSnapshotDecoder(): SnapshotDecoder {
  const splitter = new FrameSplitter();
  const draft = createDraft();
  let kind: "unknown" | "frames" | "one value" = "unknown";
  let version = 0;
  let ended = false;

  function begin(): Result<boolean, DecodeError> {
    const first = splitter.peek(1);
    if (first === null) return ok(false);
    if (first[0] !== FRAMES_MARK) {
      kind = "one value";
      return ok(false);
    }
    const preamble = splitter.take(PREAMBLE_BYTES);
    if (preamble === null) return ok(false);
    version = new DataView(preamble.buffer, preamble.byteOffset).getUint32(1, true);
    if (version > FORMAT_VERSION) return err(tooNew(version));
    kind = "frames";
    return ok(true);
  }

  function nextFrame(): Result<boolean, DecodeError> {
    const frame = splitter.frame();
    if (frame === undefined) return err(malformed("a chunk of the snapshot is longer than any"));
    if (frame === null) return ok(false);
    if (ended) return err(malformed("the snapshot goes on after its end"));
    if (frame.length === 0) ended = true;
    else {
      const bad = addChunk(frame);
      if (bad !== null) return err(malformed(bad));
    }
    return ok(true);
  }

  /** @returns what is wrong with it, or null */
  function addChunk(frame: Uint8Array): string | null {
    try {
      const units = unpackValue(frame);
      if (!Array.isArray(units)) return "a chunk of the snapshot is no list";
      for (let i = 0; i < units.length; i += 2) addUnit(draft, units[i], units[i + 1]);
      return null;
    } catch (cause) {
      return cause instanceof Error ? cause.message : String(cause);
    }
  }

  return {
    push: (piece) => splitter.push(piece),
    step() {
      if (kind === "unknown") return begin();
      return kind === "frames" ? nextFrame() : ok(false);
    },
    end() {
      if (kind === "frames") {
        const whole = ended && draft.headSeen && splitter.length() === 0;
        if (!whole) return err(malformed("the snapshot is cut short"));
        return ok(migrate(draft.state, "state", version) as ClusterState);
      }
      return decodeOneValue(splitter.peek(splitter.length()) ?? new Uint8Array());
    },
  };
}

/** Format 1. */
function decodeOneValue(bytes: Uint8Array): Result<ClusterState, DecodeError> {
  const unpacked = unpackVersioned(bytes, 2);
  if (!unpacked.ok) return unpacked;
  const { version, parts } = unpacked.value;
  const state = migrate(parts[0], "state", version);
  if (!hasShapeOfState(state)) return err(malformed("it does not hold a cluster's state"));
  return ok(state);
}

function tooNew(version: number): DecodeError {
  const message = `written in format ${version}; this program reads formats up to ${FORMAT_VERSION}`;
  return { kind: "unknown-format", version, supported: FORMAT_VERSION, message };
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
