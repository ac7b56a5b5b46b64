// The fixed run by which the simulator's speed is measured: the size that the project's target names (three members, ten
// agents, five frameworks), Raft's times as etcd has them by default (heartbeats every 100 ms, elections after 1 to 2 s), a steady workload, and every kind of fault now and then.
import { DEFAULT_POLICY } from "../src/state/policy.ts";
import { FAULT_KINDS, type FaultKind, type SimOptions, swarmOptions, TICK_MS } from "./options.ts";

const MINUTE_MS = 60_000;

/** One hour. */
export const BENCH_TICKS = (60 * MINUTE_MS) / TICK_MS;

export interface BenchKind {
  /** Next to no work: a launch every twelve minutes and framework. */
  readonly idle: boolean;
  /** Without faults. */
  readonly calm: boolean;
}

/** @param ticks before all is healed */
export function benchOptions(ticks: number, { idle, calm }: BenchKind): SimOptions {
  return {
    ...swarmOptions("bench", ticks),
    masters: 3,
    agents: 10,
    frameworks: 5,
    agentCpus: 8,
    agentMem: 16_384,
    // A framework launches up to three tasks every 30 s or so; each runs for half a minute.
    workload: {
      tasksPerFramework: 1_000_000,
      tasksPerAccept: 3,
      runMs: { low: 5_000, high: 60_000 },
      thinkMs: { low: 0, high: 100 },
      acknowledgeMs: { low: 0, high: 5 },
      failing: 0.05,
      killed: 0.05,
      stubborn: 0.1,
      launchFailure: 0.01,
      declined: 0.02,
      repeatedCalls: 0.02,
      lateCalls: 0.02,
      badCalls: 0.02,
      teardowns: 0,
      operations: 0,
      failoverTimeoutS: 600,
      paceMs: idle ? { low: 11 * MINUTE_MS, high: 13 * MINUTE_MS } : { low: 10_000, high: 50_000 },
    },
    latencyUs: { low: 100, high: 1_000 },
    giveUpMs: { low: 5_000, high: 15_000 },
    clockDriftPpmMax: 100,
    clockOffsetMsMax: 50,
    disk: {
      ...swarmOptions("bench", ticks).disk,
      latencyMs: { low: 0, high: 0 },
      syncLatencyMs: { low: 1, high: 10 },
    },
    faultsFromTheStart: false,
    faultEveryMs: calm
      ? {}
      : Object.fromEntries(FAULT_KINDS.map((kind: FaultKind) => [kind, 10 * MINUTE_MS])),
    downMs: { low: 1_000, high: 20_000 },
    cutMs: { low: 1_000, high: 20_000 },
    settings: { frameworkReconnectMs: 60_000, agentReconnectMs: 75_000 },
    policy: DEFAULT_POLICY,
    raft: { tickMs: 50, heartbeatMs: 100, electionMinMs: 1_000, electionMaxMs: 2_000 },
    log: {},
    archive: null,
    snapshotIntervalEntries: 20_000,
    weightsEveryMs: null,
    dutyEveryMs: null,
    operationsEveryMs: null,
    readsAreChecked: false,
  };
}
