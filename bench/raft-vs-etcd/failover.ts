// How long a cluster takes no writes when its leader is killed: from SIGKILL to the first SUBSCRIBE that one of the others
// answers with 200, which it does when the subscription is committed. Default settings; what was killed is started
// again and has caught up before the next is killed.
import { setTimeout as sleep } from "node:timers/promises";
import { encodeProtobuf } from "../../src/contract/codec.ts";
import { messageTypes } from "../../src/contract/message-types.ts";
import type { LocalProcess } from "../../src/host/local-cluster.ts";
import { startBenchCluster } from "../pipeline/cluster.ts";
import { quantile } from "../pipeline/figures.ts";
import type { Cleanup } from "./cleanup.ts";

/** Between two attempts at one member: what is measured is never more than this too long. Milliseconds. */
const RETRY_MS = 3;
const POLL_MS = 20;
const PATIENCE_MS = 30_000;
/** So that kills come at all moments between heartbeats. Milliseconds. */
const CALM_MS_MIN = 200;
const CALM_MS_SPREAD = 100;
const PROTOBUF = "application/x-protobuf";

export interface FailoverFigures {
  readonly kills: number;
  /** Milliseconds. */
  readonly median: number;
  readonly p99: number;
  readonly shortest: number;
}

interface Status {
  readonly role: string;
  readonly ready: boolean;
  readonly commitIndex: number;
  readonly appliedIndex: number;
}

export async function measureFailover(kills: number, cleanup: Cleanup): Promise<FailoverFigures> {
  const cluster = await startBenchCluster(false);
  const remove = cleanup.add(cluster.remove);
  const masters = [cluster.leader, ...cluster.followers];
  const times: number[] = [];
  for (let i = 0; i < kills; i++) {
    await allInStep(masters);
    await sleep(CALM_MS_MIN + Math.random() * CALM_MS_SPREAD);
    times.push(await killLeader(masters));
  }
  await remove();
  const ascending = times.toSorted((a, b) => a - b);
  return {
    kills,
    median: quantile(ascending, 0.5),
    p99: quantile(ascending, 0.99),
    shortest: quantile(ascending, 0),
  };
}

/** Milliseconds. */
async function killLeader(masters: readonly LocalProcess[]): Promise<number> {
  const leader = await leaderOf(masters);
  const others = masters.filter((each) => each !== leader);
  const killedAt = performance.now();
  const gone = leader.end("SIGKILL");
  const stop = new AbortController();
  const committedAt = await Promise.any(others.map((each) => firstCommit(each, stop.signal)));
  stop.abort();
  await gone;
  leader.start();
  return committedAt - killedAt;
}

/** When a SUBSCRIBE at this member was committed. */
async function firstCommit(master: LocalProcess, stop: AbortSignal): Promise<number> {
  const body = encodeProtobuf(messageTypes.SchedulerCall, {
    type: "SUBSCRIBE",
    subscribe: { framework_info: { user: "nobody", name: "failover" } },
  });
  const headers = { "Content-Type": PROTOBUF, Accept: PROTOBUF };
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    const request = {
      method: "POST",
      headers,
      body: new Uint8Array(body),
      redirect: "manual",
      signal: stop,
    } as const;
    const answer = await fetch(`http://${master.api}/api/v1/scheduler`, request);
    const answeredAt = performance.now();
    await answer.body?.cancel();
    if (answer.status === 200) return answeredAt;
    await sleep(RETRY_MS);
  }
  throw new Error(`no master took a write for ${PATIENCE_MS} ms`);
}

async function leaderOf(masters: readonly LocalProcess[]): Promise<LocalProcess> {
  for (const master of masters) if ((await statusOf(master))?.ready === true) return master;
  throw new Error("no master leads");
}

/** All run, one leads, and the others have applied what it has committed. */
async function allInStep(masters: readonly LocalProcess[]): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    const statuses = await Promise.all(masters.map(statusOf));
    const leader = statuses.find((status) => status?.ready === true);
    const commit = leader?.commitIndex ?? Number.POSITIVE_INFINITY;
    if (statuses.every((status) => status !== null && status.appliedIndex >= commit)) return;
    await sleep(POLL_MS);
  }
  throw new Error(`a master that was killed has not caught up after ${PATIENCE_MS} ms`);
}

async function statusOf(master: LocalProcess): Promise<Status | null> {
  try {
    return (await (await fetch(`http://${master.api}/tepui/v1/status`)).json()) as Status;
  } catch {
    return null;
  }
}
