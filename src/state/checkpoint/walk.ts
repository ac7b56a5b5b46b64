// A walk over the state as of one moment, in slices: each packs one chunk of the snapshot, and between two slices the
// state goes on. Where a chunk ends depends on the content alone, so all replicas make the same bytes of the same state,
// whatever happens to it meanwhile. `before` must be called ahead of every event until the walk is over.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { assert } from "../../kernel/assert.ts";
import type { NewHash } from "../../kernel/ports.ts";
import type { Event } from "../events.ts";
import { joined } from "../joined.ts";
import { CHUNK_BYTES_TARGET, CHUNK_UNITS_MAX } from "../limits.ts";
import type { ClusterState } from "../model.ts";
import { END_OF_FRAMES, frameOf, PREAMBLE } from "./frames.ts";
import { Images } from "./images.ts";
import { Keeper } from "./keeper.ts";
import { keepTouched } from "./touched.ts";
import type { Unit } from "./unit.ts";
import { unitsOf } from "./units.ts";

export interface Walk {
  /** Called before the event is applied to the state. Costs about as much as the event itself at most. */
  before(event: Event): void;
  /** The next chunk of the snapshot, a few milliseconds of work; null when there is no more. */
  next(): Uint8Array | null;
  /** The last chunk has been made: events need no longer be told. */
  over(): boolean;
  /** Lower-case hexadecimal SHA-256 of all chunks; only when the walk is over. */
  digest(): string;
}

/**
 * Begins with the first chunk at once, for the state's head is not kept.
 * @param unitsMax weight of the units in one chunk at most; the same on every replica
 * @param newHash a quicker one than that in plain JavaScript
 */
export function beginWalk(
  state: ClusterState,
  unitsMax = CHUNK_UNITS_MAX,
  newHash: NewHash = sha256.create,
): Walk {
  const images = new Images();
  const keeper = new Keeper(state, images);
  const units = unitsOf(state, images);
  const hash = newHash();
  let allowed = unitsMax;
  let digest: string | null = null;
  let made: Uint8Array | null = make(PREAMBLE);

  function make(...before: readonly Uint8Array[]): Uint8Array {
    const gathered: unknown[] = [];
    const done = gather(units, allowed, gathered);
    const pieces = [...before];
    if (gathered.length > 0) pieces.push(frameOf(gathered));
    allowed = allowedAfter(allowed, pieces.at(-1)?.length ?? 0, unitsMax);
    if (done) pieces.push(END_OF_FRAMES);
    const chunk = joined(pieces);
    hash.update(chunk);
    if (done) digest = bytesToHex(hash.digest());
    return chunk;
  }

  return {
    before: (event) => keepTouched(keeper, event),
    next() {
      const chunk = made ?? (digest === null ? make() : null);
      made = null;
      return chunk;
    },
    over: () => digest !== null,
    digest() {
      assert(digest !== null, "a walk has a digest when it is over");
      return digest;
    },
  };
}

/** Takes units until there are enough. @returns whether they are all taken */
function gather(units: Generator<Unit, void>, allowed: number, gathered: unknown[]): boolean {
  for (let weight = 0; weight < allowed; ) {
    const next = units.next();
    if (next.done === true) return true;
    gathered.push(next.value.tag, next.value.value);
    weight += next.value.weight;
  }
  return false;
}

/** Fewer units where they are large, so that a slice stays short; at most twice as many as in the chunk before. */
function allowedAfter(allowed: number, bytes: number, unitsMax: number): number {
  if (bytes <= CHUNK_BYTES_TARGET) return Math.min(unitsMax, allowed * 2);
  return Math.max(1, Math.floor((allowed * CHUNK_BYTES_TARGET) / bytes));
}
