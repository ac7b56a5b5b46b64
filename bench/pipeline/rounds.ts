// Rounds: what is counted in a stretch of time, and what it cost the members in CPU time meanwhile.
import { setTimeout as sleep } from "node:timers/promises";
import { type BenchCluster, cpuMicros } from "./cluster.ts";

export interface Round {
  readonly commands: number;
  readonly events: number;
  readonly seconds: number;
  /** From sending a command to its answer, ascending. Milliseconds. */
  readonly latencies: readonly number[];
  /** CPU time of the leader, of both followers, and of this process. Microseconds. */
  readonly cpu: { readonly leader: number; readonly followers: number; readonly client: number };
  /** On the monotonic clock. Microseconds. */
  readonly from: number;
  readonly until: number;
}

/** What a workload tells the round in which it runs. */
export interface Tally {
  /** Called for each answer. @param startedAt of performance.now() when the command was sent */
  count(startedAt: number, events: number): void;
}

export interface Running {
  /** No new commands; resolves when all that were sent are answered. */
  stop(): Promise<void>;
}

export interface RoundsOptions {
  readonly cluster: BenchCluster;
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

/** Runs a workload without a break; the first part of it counts for nothing. */
export async function measureRounds(
  { cluster, rounds, seconds, warmUpSeconds }: RoundsOptions,
  start: (tally: Tally) => Running,
): Promise<readonly Round[]> {
  let latencies: number[] = [];
  let events = 0;
  const running = start({
    count(startedAt, count) {
      latencies.push(performance.now() - startedAt);
      events += count;
    },
  });
  const measured: Round[] = [];
  await sleep(warmUpSeconds * 1000);
  for (let i = 0; i < rounds; i++) {
    latencies = [];
    events = 0;
    const before = await sample(cluster);
    await sleep(seconds * 1000);
    const after = await sample(cluster);
    measured.push({
      commands: latencies.length,
      events,
      seconds: (after.at - before.at) / 1e6,
      latencies: latencies.toSorted((a, b) => a - b),
      cpu: {
        leader: after.leader - before.leader,
        followers: after.followers - before.followers,
        client: after.client - before.client,
      },
      from: before.at,
      until: after.at,
    });
  }
  await running.stop();
  return measured;
}

async function sample(cluster: BenchCluster) {
  const leader = await cpuMicros(cluster.leader);
  const followers = await Promise.all(cluster.followers.map(cpuMicros));
  const { user, system } = process.cpuUsage();
  return {
    leader,
    followers: followers.reduce((sum, each) => sum + each, 0),
    client: user + system,
    at: Number(process.hrtime.bigint() / 1000n),
  };
}

/**
 * Keeps a number of commands in flight: each slot sends its next one when the one before is answered.
 * @param send must call `done` once, later
 */
export function closedLoop(
  inFlight: number,
  tally: Tally,
  eventsPerCommand: number,
  send: (slot: number, done: () => void) => void,
): Running {
  let stopping = false;
  let open = inFlight;
  let finished: () => void = () => undefined;
  const next = (slot: number): void => {
    if (stopping) {
      open--;
      if (open === 0) finished();
      return;
    }
    const startedAt = performance.now();
    send(slot, () => {
      tally.count(startedAt, eventsPerCommand);
      next(slot);
    });
  };
  for (let slot = 0; slot < inFlight; slot++) next(slot);
  return {
    stop: () =>
      new Promise((resolve) => {
        finished = resolve;
        stopping = true;
      }),
  };
}
