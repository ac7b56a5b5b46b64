// A cluster's state from the bytes of a snapshot file, in short turns: heartbeats and answers go on in between.
import { InvariantError } from "../kernel/assert.ts";
import type { Clock } from "../kernel/ports.ts";
import { createSnapshotDecoder, type SnapshotDecoder } from "../state/checkpoint/decoder.ts";
import { joined } from "../state/joined.ts";
import type { ClusterState } from "../state/model.ts";
import { TURN_MS, TURN_STEPS } from "./limits.ts";
import { decodeMembership, MEMBERSHIP_BYTES_MAX } from "./membership-header.ts";

/** @throws InvariantError if a newer version is needed to read it: going on without it would lose it */
export async function stateFrom(chunks: AsyncIterable<Uint8Array>, clock: Clock): Promise<ClusterState> {
  const decoder = createSnapshotDecoder();
  const turns = new Turns(clock);
  for await (const piece of contentOf(chunks)) {
    decoder.push(piece);
    while (stepped(decoder)) await turns.step();
  }
  const state = decoder.end();
  if (!state.ok) throw new InvariantError(state.error.message);
  return state.value;
}

/** Ends a turn after some milliseconds of work, and after some steps for clocks that stand still in between. */
export class Turns {
  readonly #clock: Clock;
  #startedMs: number;
  #steps = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
  }

  /** After each step of work. */
  async step(): Promise<void> {
    this.#steps += 1;
    if (this.#steps < TURN_STEPS && this.#clock.monotonicMs() - this.#startedMs < TURN_MS) return;
    await new Promise<void>((resolve) => void this.#clock.after(0, resolve));
    this.#startedMs = this.#clock.monotonicMs();
    this.#steps = 0;
  }
}

function stepped(decoder: SnapshotDecoder): boolean {
  const step = decoder.step();
  if (!step.ok) throw new InvariantError(step.error.message);
  return step.value;
}

/** What follows the membership in a snapshot file. */
async function* contentOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | null = new Uint8Array();
  for await (const chunk of chunks) {
    if (head === null) {
      yield chunk;
      continue;
    }
    head = joined([head, chunk]);
    if (head.length < MEMBERSHIP_BYTES_MAX) continue;
    yield head.subarray(decodeMembership(head).end);
    head = null;
  }
  if (head !== null) yield head.subarray(decodeMembership(head).end);
}
