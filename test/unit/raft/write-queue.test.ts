// The order in which storage sees the core's writes.
import { describe, expect, it } from "vitest";
import { asIndex, asTerm } from "../../../src/kernel/ids.ts";
import type { Write } from "../../../src/raft/io.ts";
import type { RaftStorage } from "../../../src/raft/storage.ts";
import { WriteQueue } from "../../../src/raft/write-queue.ts";
import { entry, memberId } from "./support/core-cluster.ts";
import { MemoryStorage } from "./support/memory-storage.ts";
import { settled, VirtualClock } from "./support/virtual-clock.ts";

interface Call {
  readonly name: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function harness() {
  const calls: Call[] = [];
  const call = (name: string): Promise<void> =>
    new Promise((resolve, reject) => {
      calls.push({ name, resolve, reject });
    });
  const storage: RaftStorage = Object.assign(new MemoryStorage(new VirtualClock()), {
    append: (batch: { entries?: readonly { index: number }[] }) =>
      call(`append ${batch.entries?.[0]?.index}`),
    resetTo: () => call("reset"),
    compact: (firstKept: number) => call(`compact ${firstKept}`),
  });
  const persisted: number[] = [];
  const failures: unknown[] = [];
  const queue = new WriteQueue({
    storage,
    onPersisted: (write) => persisted.push(write),
    onFailure: (error) => failures.push(error),
  });
  return { calls, names: () => calls.map(({ name }) => name), persisted, failures, queue };
}

function write(number: number, index: number, resetTo: Write["resetTo"] = null): Write {
  return { number, hardState: null, entries: index === 0 ? [] : [entry(index, 1)], resetTo };
}

const meta = {
  index: asIndex(9),
  term: asTerm(1),
  membership: { voters: [memberId(1)], outgoing: [], learners: [], contacts: {} },
};

describe("the write queue", () => {
  it("says when the log is not being replaced any more", async () => {
    const { calls, names, queue } = harness();
    let isReplaced = false;
    queue.issue(write(1, 1));
    queue.issue(write(2, 10, meta));
    void queue.replaced().then(() => {
      isReplaced = true;
    });
    calls[0]?.resolve();
    await settled();
    expect(names()).toEqual(["append 1", "reset"]);
    expect(isReplaced).toBe(false);
    calls[1]?.resolve();
    await settled();
    expect(isReplaced).toBe(true);
  });

  it("hands writes over without waiting, and reports them in order whatever the order of the answers", async () => {
    const { calls, names, persisted, queue } = harness();
    queue.issue(write(1, 1));
    queue.issue(write(2, 2));
    expect(names()).toEqual(["append 1", "append 2"]);
    calls[1]?.resolve();
    await settled();
    expect(persisted).toEqual([]);
    calls[0]?.resolve();
    await settled();
    expect(persisted).toEqual([1, 2]);
  });

  it("resets the log after all earlier writes and before all later ones", async () => {
    const { calls, names, persisted, queue } = harness();
    queue.issue(write(1, 1));
    queue.issue(write(2, 0, meta));
    queue.issue(write(3, 10));
    queue.compact(asIndex(9));
    await settled();
    expect(names()).toEqual(["append 1"]);
    calls[0]?.resolve();
    await settled();
    expect(names()).toEqual(["append 1", "reset"]);
    expect(persisted).toEqual([1]);
    calls[1]?.resolve();
    await settled();
    expect(names()).toEqual(["append 1", "reset", "append 10", "compact 10"]);
    expect(persisted).toEqual([1, 2]);
    calls[2]?.resolve();
    await settled();
    queue.issue(write(4, 11));
    expect(names().at(-1)).toBe("append 11");
    expect(persisted).toEqual([1, 2, 3]);
  });

  it("reports a failure once, and nothing as durable after it", async () => {
    const { calls, persisted, failures, queue } = harness();
    queue.issue(write(1, 1));
    queue.issue(write(2, 2));
    calls[0]?.reject(new Error("broken"));
    calls[1]?.resolve();
    await settled();
    queue.issue(write(3, 3));
    await settled();
    expect([calls.length, persisted.length, failures.length]).toEqual([2, 0, 1]);
  });
});
