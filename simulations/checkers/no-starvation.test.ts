// The checker finds what it is for: a framework that waits while something is held and not used, and it lets pass what
// NS-1 does not forbid.
import { expect, test } from "vitest";
import { asId, type FrameworkId } from "../../src/kernel/ids.ts";
import { Cluster, scalars, taskSpec } from "../../test/unit/state/cluster.ts";
import { NoStarvation } from "./no-starvation.ts";

const PATIENCE_MS = 2_000;

/** One agent, held whole by the first framework; the second competes. Nothing is allocated any more. */
function starving(): { cluster: Cluster; waiting: FrameworkId; checker: NoStarvation } {
  const cluster = new Cluster();
  cluster.setPolicy({ optimisticAfterMs: PATIENCE_MS });
  const agentId = cluster.agent(scalars({ cpus: 2, mem: 512 }));
  cluster.subscribe();
  const [held] = cluster.allocate();
  if (held?.agentId !== agentId) throw new Error("it is not held");
  const waiting = cluster.subscribe({ roles: [asId("waiting")] });
  const checker = new NoStarvation();
  checker.watch();
  note(checker, cluster, 0);
  return { cluster, waiting, checker };
}

function note(checker: NoStarvation, cluster: Cluster, atMs: number): void {
  checker.committed(cluster.state, { events: [] } as never, atMs);
}

function lookFor(checker: NoStarvation, cluster: Cluster, fromMs: number, toMs: number, isLed = true): void {
  for (let atMs = fromMs; atMs <= toMs; atMs += 500) checker.look(cluster.state, atMs, isLed);
}

test("who waits for longer than the operator's time and a few cycles is starved", () => {
  const { cluster, checker } = starving();
  lookFor(checker, cluster, 500, 8_000);
  expect(() => lookFor(checker, cluster, 8_500, 10_000)).toThrow("a framework is starved");
});

test("nobody is starved while nobody leads, nor by what is used, nor if it is offered something in between", () => {
  const unled = starving();
  lookFor(unled.checker, unled.cluster, 500, 60_000, false);

  const used = starving();
  const [held] = used.cluster.state.offers.values();
  if (held === undefined) throw new Error("there is an offer");
  used.cluster.accept([held], [{ ...taskSpec("all", held.agentId), resources: held.resources }]);
  note(used.checker, used.cluster, 500);
  lookFor(used.checker, used.cluster, 1_000, 60_000);

  const served = starving();
  lookFor(served.checker, served.cluster, 500, 7_000);
  served.cluster.wait(PATIENCE_MS);
  const [shown] = served.cluster.allocate();
  if (shown === undefined) throw new Error("it is shown what is held");
  note(served.checker, served.cluster, 7_500);
  served.cluster.decline(served.waiting, [shown.id], 0);
  note(served.checker, served.cluster, 7_501);
  lookFor(served.checker, served.cluster, 8_000, 15_500);
  expect(() => lookFor(served.checker, served.cluster, 16_000, 18_000)).toThrow("a framework is starved");
});
