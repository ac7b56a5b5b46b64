// However long a disk or a quorum does not answer, what waits for it has a bound in number.
import { expect, it } from "vitest";
import { asIndex } from "../../../src/kernel/ids.ts";
import { ReadGatherer, type ReadIndexError } from "../../../src/raft/gatherers.ts";
import { GATHERED_READS_MAX, WITHHELD_MESSAGES_MAX } from "../../../src/raft/limits.ts";
import { entry } from "./support/core-cluster.ts";
import { append, OneCore, ofKind } from "./support/one-core.ts";

it("acknowledgements that a hung disk holds back are dropped beyond a number, and the rest leave when it answers", () => {
  const core = new OneCore({ term: 1 });
  core.only({ kind: "message", message: append(2, 1, [0, 0], [entry(1, 1)]) });
  for (let i = 0; i < WITHHELD_MESSAGES_MAX + 100; i++) {
    const out = core.only({ kind: "message", message: append(2, 1, [1, 1], []) });
    expect(ofKind(out, "append-accepted")).toEqual([]);
  }
  expect(core.state.durability.withheld.length).toBe(WITHHELD_MESSAGES_MAX);
  expect(ofKind(core.persist(), "append-accepted").map(({ match }) => match)).toEqual([1]);
  const next = core.take({ kind: "message", message: append(2, 1, [1, 1], [entry(2, 1)]) });
  expect(core.state.durability.withheld).toEqual([]);
  expect(ofKind(next, "append-accepted").map(({ match }) => match)).toEqual([2]);
});

it("a candidate whose disk hangs keeps one request for each voter", () => {
  const core = new OneCore({
    term: 1,
    entries: [entry(1, 1)],
    tuning: { electionMinTicks: 500, electionMaxTicks: 600 },
  });
  const ticks = core.state.timeout;
  for (let i = 0; i < ticks; i++) core.only({ kind: "tick" });
  const forTerm = core.state.term + 1;
  for (const from of core.state.membership.voters.slice(1)) {
    core.only({
      kind: "message",
      message: {
        kind: "pre-vote-reply",
        from,
        to: core.state.self,
        term: core.state.term,
        forTerm: forTerm as typeof core.state.term,
        granted: true,
        amnesia: false,
      },
    });
  }
  expect(core.state.role.kind).toBe("candidate");
  for (let i = 0; i < 300; i++) core.only({ kind: "tick" });
  expect(core.state.durability.withheld.length).toBe(2);
  expect(ofKind(core.persist(), "vote")).toHaveLength(2);
});

it("reads are refused beyond a number, whatever they wait for", async () => {
  let applied = 0;
  const handed: number[] = [];
  const reads = new ReadGatherer(
    (ids) => void handed.push(...ids),
    () => asIndex(applied),
  );
  const outcomes: Promise<string>[] = [];
  const add = (): void => {
    const read = reads.add();
    outcomes.push(read.then(String, (error: ReadIndexError) => error.reason));
  };
  for (let i = 0; i < GATHERED_READS_MAX / 2; i++) add();
  await Promise.resolve();
  for (const id of handed) reads.settle(id, { ok: true, index: asIndex(7) });
  for (let i = 0; i < GATHERED_READS_MAX / 2 + 3; i++) add();
  expect(await Promise.all(outcomes.slice(-3))).toEqual(["overloaded", "overloaded", "overloaded"]);
  applied = 7;
  reads.release();
  expect(await outcomes[0]).toBe("7");
  reads.add().catch(() => undefined);
  reads.stop();
  expect(await outcomes[GATHERED_READS_MAX / 2]).toBe("stopped");
});
