// The state of a master that has led, made anew from snapshot and committed log: it was ahead of what is committed.
import { asIndex } from "../kernel/ids.ts";
import type { Clock } from "../kernel/ports.ts";
import type { Entry, RaftNode } from "../raft/index.ts";
import type { Replica } from "./replica.ts";
import { Turns } from "./restoring.ts";

export interface Rebuilding {
  readonly replica: Replica;
  readonly node: Pick<RaftNode, "readCommitted" | "readSnapshot" | "status">;
  readonly clock: Clock;
  /** Takes the newest snapshot as the state. */
  restore: Parameters<RaftNode["readSnapshot"]>[0];
  apply(entry: Entry): void;
  /** All that is committed is applied: what is committed from now on is applied as usual. */
  caughtUp(): void;
  isStopped(): boolean;
}

/**
 * To be repeated until it has caught up: a newer snapshot may come in between, so that entries after the one that was read
 * are gone.
 */
export async function replay(rebuilding: Rebuilding): Promise<void> {
  const { replica, node, clock, restore, apply, isStopped } = rebuilding;
  replica.reset(asIndex(0), null);
  await node.readSnapshot(restore);
  const turns = new Turns(clock);
  while (!isStopped()) {
    const entries = node.readCommitted(asIndex(replica.index() + 1));
    const next = entries[0]?.index ?? node.status().commit + 1;
    if (next > replica.index() + 1) return;
    if (entries.length === 0) {
      rebuilding.caughtUp();
      return;
    }
    for (const entry of entries) {
      apply(entry);
      await turns.step();
      if (isStopped()) return;
    }
  }
}
