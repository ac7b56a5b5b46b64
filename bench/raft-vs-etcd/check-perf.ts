// etcd's own measurement: `etcdctl check perf`, which writes 1 KB values for a minute and says how many it got through.
import type { EtcdCluster } from "./etcd-cluster.ts";

export interface CheckPerf {
  readonly writesPerSecond: number;
  readonly slowestSeconds: number;
}

/**
 * With load xl: 1,000 clients, and no more than 15,000 writes a second. A minute. Null if it gave up: on a machine that is
 * too busy for etcd it says nothing but that there were too many errors.
 */
export async function checkPerf(etcd: EtcdCluster): Promise<CheckPerf | null> {
  const text = await etcd
    .ctl(["check", "perf", "--load=xl"])
    // It fails when etcd does not reach what it was written for; what it measured stands in its output all the same.
    .catch((error: unknown) => outputOf(error));
  const writes = /Throughput[^:]*?:? ?(?:is )?(\d+) writes\/s/.exec(text)?.[1];
  const slowest = /Slowest request took[^\d]*([\d.]+)s/.exec(text)?.[1];
  if (writes === undefined || slowest === undefined) return null;
  return { writesPerSecond: Number(writes), slowestSeconds: Number(slowest) };
}

function outputOf(error: unknown): string {
  if (typeof error === "object" && error !== null && "stdout" in error) return String(error.stdout);
  throw error;
}
