// Events a second when a command carries a hundred of them, through all three members on this machine's cores, the client
// on them too: frames of an agent with a hundred statuses, and ACCEPTs that launch a hundred tasks.
import { STATUSES_PER_FRAME_MAX } from "../../src/contract/agent-protocol.ts";
import { startBenchCluster } from "../pipeline/cluster.ts";
import { capacity } from "../pipeline/figures.ts";
import { measureRounds, type Round } from "../pipeline/rounds.ts";
import { launchLoop, setStage, statusesLoop } from "../pipeline/workloads.ts";
import type { Cleanup } from "./cleanup.ts";
import { median } from "./level.ts";

export interface EventsFigures {
  readonly way: string;
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
  timing: { readonly rounds: number; readonly seconds: number; readonly warmUpSeconds: number },
  cleanup: Cleanup,
): Promise<readonly EventsFigures[]> {
  const cluster = await startBenchCluster(false);
  const remove = cleanup.add(cluster.remove);
  const stage = await setStage(cluster.leader.api, { tasksPerAgent: STATUSES_PER_FRAME_MAX });
  const statuses = await measureRounds({ cluster, ...timing }, (tally) => statusesLoop(stage, tally));
  const launches = await measureRounds({ cluster, ...timing }, await launchLoop(stage));
  stage.close();
  await remove();
  return [figuresOf("frames of 100 statuses", statuses), figuresOf("ACCEPTs of 100 tasks", launches)];
}

function figuresOf(way: string, rounds: readonly Round[]): EventsFigures {
  const micros = (part: "leader" | "followers" | "client"): number =>
    median(rounds.map(({ cpu, events }) => cpu[part] / events));
  return {
    way,
    eventsPerSecond: median(rounds.map(({ events, seconds }) => events / seconds)),
    leaderMicros: micros("leader"),
    followerMicros: micros("followers") / 2,
    clientMicros: micros("client"),
    twoCores: capacity({ way: "", inFlight: 0, rounds }),
  };
}
