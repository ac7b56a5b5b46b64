// Whether a member's memory grows with the events that it has seen: tasks are launched a hundred at a time and finish at
// once, so that every event of the usual life comes in its turn while the cluster stays as large as it is. After each
// twentieth part of the events the load rests, and each member's resident and live memory are read.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { FromAgent, RunTask } from "../../src/contract/agent-protocol.ts";
import type { Offer } from "../../src/contract/types.ts";
import type { LocalProcess } from "../../src/host/local-cluster.ts";
import { registerAgent } from "../pipeline/agents.ts";
import { CallSocket } from "../pipeline/call-socket.ts";
import { type BenchCluster, startBenchCluster } from "../pipeline/cluster.ts";
import { LaunchTemplates, subscribe } from "../pipeline/framework.ts";
import { fail } from "../pipeline/workloads.ts";
import type { Cleanup } from "./cleanup.ts";
import { INSPECTED, readHeap } from "./heap.ts";

const AGENTS = 32;
const TASKS_PER_ACCEPT = 100;
const SAMPLES = 20;
/** The load rests so long before memory is read. Milliseconds. */
const REST_MS = 500;
const POLL_MS = 50;
const MIB = 1024 * 1024;

export interface MemorySample {
  /** Since the log began. */
  readonly events: number;
  /** Of the member that uses most. MiB. */
  readonly residentMiB: number;
  /** Heap and byte arrays after a full garbage collection; of the member that uses most. MiB. */
  readonly liveMiB: number;
}

export interface MemoryFigures {
  readonly samples: readonly MemorySample[];
  readonly seconds: number;
}

export async function measureMemory(
  events: number,
  cleanup: Cleanup,
  progress: (sample: MemorySample) => void,
): Promise<MemoryFigures> {
  const cluster = await startBenchCluster(false, INSPECTED);
  const remove = cleanup.add(cluster.remove);
  const masters = [cluster.leader, ...cluster.followers];
  const heaps = await Promise.all(masters.map(async (each) => readHeap(await logOf(cluster, each))));
  const load = await startLoad(cluster.leader.api);
  const startedAt = performance.now();
  const samples: MemorySample[] = [];
  for (let i = 1; i <= SAMPLES; i++) {
    load.resume();
    while ((await eventsOf(cluster.leader)) < (events * i) / SAMPLES) await sleep(POLL_MS);
    load.pause();
    await sleep(REST_MS);
    const resident = await Promise.all(masters.map(residentBytes));
    const live = await Promise.all(heaps.map((heap) => heap.liveBytes()));
    const sample = {
      events: await eventsOf(cluster.leader),
      residentMiB: Math.max(...resident) / MIB,
      liveMiB: Math.max(...live) / MIB,
    };
    samples.push(sample);
    progress(sample);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  for (const heap of heaps) heap.close();
  load.close();
  await remove();
  return { samples, seconds };
}

interface Load {
  pause(): void;
  resume(): void;
  close(): void;
}

/** ACCEPTs of a hundred tasks, one at a time for each agent, as fast as offers come. */
async function startLoad(api: string): Promise<Load> {
  const agents = await Promise.all(
    Array.from({ length: AGENTS }, (_, i) => registerAgent(api, `memory-${i}`, fail, finished)),
  );
  const offers: Offer[] = [];
  let onOffers: () => void = () => undefined;
  const framework = await subscribe(api, "lives", {
    onRecord: () => undefined,
    onOffers(more) {
      offers.push(...more);
      onOffers();
    },
    onFailure: fail,
  });
  const templates = new LaunchTemplates(framework, TASKS_PER_ACCEPT);
  const sockets = agents.map(() => new CallSocket(api, fail));
  const reviver = new CallSocket(api, fail);
  const revive = framework.request({ type: "REVIVE" });
  let paused = true;
  let open = 0;
  let reviving = false;
  const go = (): void => {
    while (!paused && offers.length > 0 && sockets.length > 0) {
      const offer = offers.pop();
      const socket = sockets.pop();
      if (offer === undefined || socket === undefined) return;
      open++;
      socket.send(templates.launch(offer), () => {
        open--;
        sockets.push(socket);
        go();
      });
    }
    if (paused || open > 0 || offers.length > 0 || reviving) return;
    reviving = true;
    reviver.send(revive, () => {
      reviving = false;
    });
  };
  onOffers = go;
  return {
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      go();
    },
    close() {
      paused = true;
      framework.close();
      for (const socket of [...sockets, reviver]) socket.close();
      for (const agent of agents) agent.close();
    },
  };
}

/** Without a uuid: nobody acknowledges it, and the task is over at once. */
function finished({ framework, task }: RunTask, agentId: string): FromAgent {
  return {
    kind: "status",
    frameworkId: framework.id?.value ?? "",
    latestState: "TASK_FINISHED",
    status: {
      task_id: task.task_id,
      agent_id: { value: agentId },
      state: "TASK_FINISHED",
      source: "SOURCE_EXECUTOR",
      timestamp: Date.now() / 1000,
    },
  };
}

async function eventsOf({ api }: LocalProcess): Promise<number> {
  const answer = await fetch(`http://${api}/tepui/v1/status`);
  return ((await answer.json()) as { readonly events: number }).events;
}

async function residentBytes(process: LocalProcess): Promise<number> {
  const status = await readFile(`/proc/${process.pid()}/status`, "latin1");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

function logOf({ dataDirectory }: BenchCluster, { name }: LocalProcess): Promise<string> {
  return readFile(join(dataDirectory, "logs", `${name}.log`), "utf8");
}
