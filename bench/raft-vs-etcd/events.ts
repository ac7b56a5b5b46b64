// Events a second when a command carries a hundred of them: ACCEPTs that launch a hundred tasks each, which is 101 events,
// through all three members on this machine's cores, the client on them too.
import { startBenchCluster } from "../pipeline/cluster.ts";
import { capacity } from "../pipeline/figures.ts";
import { measureRounds } from "../pipeline/rounds.ts";
import { launchLoop, setStage } from "../pipeline/workloads.ts";
import type { Cleanup } from "./cleanup.ts";
import { median } from "./level.ts";

export interface EventsFigures {
  /** Median of the rounds, measured. */
  readonly eventsPerSecond: number;
  /** CPU time of an event: leader, each follower, client. Microseconds, medians. */
  readonly leaderMicros: number;
  readonly followerMicros: number;
  readonly clientMicros: number;
  /** Events a second if two cores did nothing but the members' work. */
  readonly twoCores: number;
}

export async function measureEvents(
  { rounds, seconds, warmUpSeconds }: { rounds: number; seconds: number; warmUpSeconds: number },
  cleanup: Cleanup,
): Promise<EventsFigures> {
  const cluster = await startBenchCluster(false);
  const remove = cleanup.add(cluster.remove);
  const stage = await setStage(cluster.leader.api);
  const measured = await measureRounds({ cluster, rounds, seconds, warmUpSeconds }, await launchLoop(stage));
  stage.close();
  await remove();
  const micros = (part: "leader" | "followers" | "client"): number =>
    median(measured.map(({ cpu, events }) => cpu[part] / events));
  return {
    eventsPerSecond: median(measured.map(({ events, seconds: passed }) => events / passed)),
    leaderMicros: micros("leader"),
    followerMicros: micros("followers") / 2,
    clientMicros: micros("client"),
    twoCores: capacity({ way: "", inFlight: 0, rounds: measured }),
  };
}
