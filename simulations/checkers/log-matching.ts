// Log matching (Raft paper, figure 3): if two logs have an entry of the same index and term, they are the same up to
// there. Watched on the wire: what leaders send is what they and their followers have.
import type { MemberId } from "../../src/kernel/ids.ts";
import { decodeMessage } from "../../src/raft/codec.ts";
import { type Check, checkOf } from "./check.ts";

const check: Check = checkOf("log-matching");

/** Kind of an append on the wire (src/raft/codec.ts). */
const APPEND = 20;
/** Shorter ones bring no entries. */
const EMPTY_APPEND_BYTES_MAX = 48;

interface Known {
  readonly payload: Uint8Array;
  readonly termBefore: number;
}

export class LogMatching {
  /** By index and term: entries are equal, and so are the terms before them, which makes equal pasts. */
  readonly #known = new Map<string, Known>();

  /** A frame of one connection between members has arrived. */
  arrived(from: string, to: string, frame: Uint8Array): void {
    if (frame[0] !== APPEND || frame.length <= EMPTY_APPEND_BYTES_MAX) return;
    const decoded = decodeMessage(frame, from as MemberId, to as MemberId);
    if (!decoded.ok || decoded.value.kind !== "append") return;
    let termBefore: number = decoded.value.prevTerm;
    for (const { index, term, payload } of decoded.value.entries) {
      this.#compare(from, index, term, { payload, termBefore });
      termBefore = term;
    }
  }

  #compare(from: string, index: number, term: number, entry: Known): void {
    const key = `${index} ${term}`;
    const known = this.#known.get(key);
    if (known === undefined) {
      this.#known.set(key, { ...entry, payload: entry.payload.slice() });
      return;
    }
    const same = known.termBefore === entry.termBefore && Buffer.compare(known.payload, entry.payload) === 0;
    check(same, "two entries of one index and term differ, or what is before them", () => ({
      from,
      index,
      term,
      termBefore: entry.termBefore,
      knownTermBefore: known.termBefore,
    }));
  }
}
