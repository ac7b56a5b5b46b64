// Figure 7 of the Omega paper (Schwarzkopf et al., EuroSys 2013): a framework of many short batch jobs beside one of few
// long service jobs that takes longer and longer to decide. Under pessimistic offers the slow one locks what it is
// offered while it decides, the fast one gets what ends meanwhile, and gives jobs up; see docs/performance.md.
import type { Random } from "../../src/kernel/ports.ts";
import { between, chance, seededRandom } from "../../src/kernel/random.ts";
import { resources, VirtualCluster } from "./cluster.ts";
import { type Job, OmegaScheduler } from "./scheduler.ts";

export interface Setting {
  readonly seed: string;
  /** `t_job` of the service framework. Milliseconds. */
  readonly serviceDecisionMs: number;
  readonly optimisticAfterMs: number | null;
  /** After so many a job is abandoned; 1,000 in the paper. */
  readonly attemptsMax: number;
  /** Of virtual time in which jobs arrive. Milliseconds. */
  readonly lengthMs: number;
}

export interface Outcome {
  readonly batch: Figures;
  readonly service: Figures;
}

export interface Figures {
  readonly jobs: number;
  readonly placed: number;
  readonly abandoned: number;
  /** From arrival until all tasks were placed, of those placed. Milliseconds. */
  readonly meanWaitMs: number;
  readonly p90WaitMs: number;
  /** Offers that somebody else used before it. */
  readonly lostOffers: number;
}

const AGENTS = 18;
const AGENT_RESOURCES = "cpus:8;mem:32768";
/** The shortest that `--allocation-interval` may be: in the paper offers follow one another at once. */
const CYCLE_MS = 50;
const TASK_DECISION_MS = 5;
const BATCH_DECISION_MS = 100;
const BATCH_EVERY_MS = 6_000;
const SERVICE_EVERY_MS = 60_000;

export function runOmega(setting: Setting): Outcome {
  const { seed, optimisticAfterMs, attemptsMax, lengthMs, serviceDecisionMs } = setting;
  const cluster = new VirtualCluster(optimisticAfterMs);
  for (let number = 0; number < AGENTS; number++) cluster.addAgent(resources(AGENT_RESOURCES), number);
  const schedulerOf = (name: string, decisionMs: number) =>
    new OmegaScheduler(cluster, name, attemptsMax, ({ left }) => decisionMs + TASK_DECISION_MS * left);
  const batch = schedulerOf("batch", BATCH_DECISION_MS);
  const service = schedulerOf("service", serviceDecisionMs);
  everyCycle(cluster);
  const arrivals = { batch: 0, service: 0 };
  arrive(cluster, seededRandom(`batch ${seed}`), BATCH_EVERY_MS, lengthMs, (random) => {
    arrivals.batch++;
    batch.submit(batchJob(random, cluster.now));
  });
  arrive(cluster, seededRandom(`service ${seed}`), SERVICE_EVERY_MS, lengthMs, (random) => {
    arrivals.service++;
    service.submit(serviceJob(random, cluster.now));
  });
  cluster.runUntil(lengthMs);
  return { batch: figuresOf(batch, arrivals.batch), service: figuresOf(service, arrivals.service) };
}

function everyCycle(cluster: VirtualCluster): void {
  cluster.do({ kind: "expire" });
  cluster.do({ kind: "allocate" });
  cluster.at(cluster.now + CYCLE_MS, () => everyCycle(cluster));
}

/** Poisson arrivals. */
function arrive(
  cluster: VirtualCluster,
  random: Random,
  everyMs: number,
  endMs: number,
  submit: (random: Random) => void,
): void {
  const at = cluster.now + exponential(random, everyMs);
  if (at > endMs) return;
  cluster.at(at, () => {
    submit(random);
    arrive(cluster, random, everyMs, endMs, submit);
  });
}

/** Most jobs are of small tasks; one in five is of tasks that want half an agent. */
function batchJob(random: Random, arrivedAt: number): Job {
  const isLarge = chance(random, 1 / 5);
  return {
    arrivedAt,
    task: resources(isLarge ? "cpus:4;mem:8192" : "cpus:1;mem:1024"),
    taskMs: 1_000 + exponential(random, 40_000),
    left: isLarge ? between(random, 1, 4) : between(random, 2, 16),
    attempts: 0,
  };
}

function serviceJob(random: Random, arrivedAt: number): Job {
  return {
    arrivedAt,
    task: resources("cpus:1;mem:4096"),
    taskMs: 60_000 + exponential(random, 540_000),
    left: between(random, 1, 6),
    attempts: 0,
  };
}

/** Whole milliseconds. */
function exponential(random: Random, meanMs: number): number {
  const fraction = (random.uint32() + 1) / 0x1_0000_0001;
  return Math.max(1, Math.round(-Math.log(fraction) * meanMs));
}

function figuresOf({ tally }: OmegaScheduler, jobs: number): Figures {
  const waits = [...tally.waitsMs].sort((a, b) => a - b);
  const sum = waits.reduce((all, ms) => all + ms, 0);
  return {
    jobs,
    placed: tally.placed,
    abandoned: tally.abandoned,
    meanWaitMs: waits.length === 0 ? 0 : sum / waits.length,
    p90WaitMs: waits[Math.floor(waits.length * 0.9)] ?? 0,
    lostOffers: tally.lost,
  };
}
