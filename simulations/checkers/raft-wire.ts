// What members say to each other, watched on the wire: no member votes for two candidates in one term, and no frame is
// larger than what bounds it.
import type { MemberId } from "../../src/kernel/ids.ts";
import { decodeMessage } from "../../src/raft/codec.ts";
import { type Check, checkOf } from "./check.ts";

const checkVote: Check = checkOf("one-vote-a-term");
const checkSize: Check = checkOf("bounded");

/** Kind of a vote's answer on the wire (src/raft/codec.ts). */
const VOTE_REPLY = 19;

export class RaftWire {
  readonly #votes = new Map<string, string>();
  readonly #frameBytesMax: number;

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** A frame of one connection between members has arrived. @returns "vote" if somebody has voted with it */
  arrived(from: string, to: string, frame: Uint8Array): "vote" | "other" {
    checkSize(frame.length <= this.#frameBytesMax, "a frame is larger than its bound", () => ({
      from,
      to,
      bytes: frame.length,
      most: this.#frameBytesMax,
    }));
    return frame[0] === VOTE_REPLY ? this.#vote(from, to, frame) : "other";
  }

  #vote(from: string, to: string, frame: Uint8Array): "vote" | "other" {
    const decoded = decodeMessage(frame, from as MemberId, to as MemberId);
    if (!decoded.ok || decoded.value.kind !== "vote-reply" || !decoded.value.granted) return "other";
    const { term } = decoded.value;
    const key = `${from} ${term}`;
    const before = this.#votes.get(key) ?? to;
    this.#votes.set(key, before);
    checkVote(before === to, "a member votes twice in one term", () => ({
      member: from,
      term,
      one: before,
      two: to,
    }));
    return "vote";
  }
}
