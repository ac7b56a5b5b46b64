// GET_METRICS (OB01): the gauges of Mesos that the state of the cluster gives, under Mesos' names (OB02).

import { scalarOf } from "../../allocator/resources.ts";
import type { Metric } from "../../contract/types.ts";
import type { ClusterState, TaskStateName } from "../../state/model.ts";
import type { ApiContext } from "../context.ts";
import { totalOf, usageOf } from "./usage.ts";

const SCALARS = ["cpus", "gpus", "mem", "disk"] as const;
const TASK_STATES: readonly TaskStateName[] = [
  "TASK_STAGING",
  "TASK_STARTING",
  "TASK_RUNNING",
  "TASK_KILLING",
];

/** Sorted by name. @param operators subscribers of the operator's event stream */
export function metricsOf(context: ApiContext, operators: number): readonly Metric[] {
  const state = context.master.state();
  const values = {
    "master/elected": context.isLeading() ? 1 : 0,
    "master/uptime_secs": (context.clock.wallMs() - context.startedAt) / 1_000,
    "master/operator_event_stream_subscribers": operators,
    "master/outstanding_offers": state.offers.size,
    "tepui/log_archive_failing": context.master.status().archive?.kind === "failing" ? 1 : 0,
    ...frameworkGauges(state),
    ...agentGauges(state),
    ...taskGauges(state),
    ...resourceGauges(state),
  };
  return Object.entries(values)
    .map(([name, value]) => ({ name, value }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function frameworkGauges(state: ClusterState): Record<string, number> {
  const connected = count(state.frameworks.values(), ({ connection }) => connection.kind === "connected");
  const disconnected = state.frameworks.size - connected;
  return {
    "master/frameworks_active": connected,
    "master/frameworks_connected": connected,
    "master/frameworks_disconnected": disconnected,
    "master/frameworks_inactive": disconnected,
  };
}

function agentGauges(state: ClusterState): Record<string, number> {
  const connected = count(state.agents.values(), ({ connection }) => connection.kind === "connected");
  const unreachable = count(state.agents.values(), ({ connection }) => connection.kind === "unreachable");
  const disconnected = state.agents.size - connected - unreachable;
  return {
    "master/slaves_active": connected,
    "master/slaves_connected": connected,
    "master/slaves_disconnected": disconnected,
    "master/slaves_inactive": disconnected,
    "master/slaves_unreachable": unreachable,
  };
}

function taskGauges(state: ClusterState): Record<string, number> {
  const gauges: Record<string, number> = { "master/tasks_unreachable": 0 };
  for (const name of TASK_STATES) gauges[gaugeOf(name)] = 0;
  for (const { tasks, unreachableTasks } of state.frameworks.values()) {
    gauges["master/tasks_unreachable"] = (gauges["master/tasks_unreachable"] ?? 0) + unreachableTasks.size;
    for (const task of tasks.values()) {
      const name = gaugeOf(task.state);
      const before = gauges[name];
      if (before !== undefined) gauges[name] = before + 1;
    }
  }
  return gauges;
}

/** `master/tasks_running` */
function gaugeOf(state: TaskStateName): string {
  return `master/tasks_${state.slice("TASK_".length).toLowerCase()}`;
}

function resourceGauges(state: ClusterState): Record<string, number> {
  const used = [...usageOf(state).agents.values()].map(({ allocated }) => totalOf(allocated));
  const gauges: Record<string, number> = {};
  for (const name of SCALARS) {
    let total = 0;
    for (const { spec, connection } of state.agents.values()) {
      if (connection.kind === "connected") total += scalarOf(spec.resources, name);
    }
    const taken = used.reduce((sum, resources) => sum + scalarOf(resources, name), 0);
    gauges[`master/${name}_total`] = total / 1_000;
    gauges[`master/${name}_used`] = taken / 1_000;
    gauges[`master/${name}_percent`] = total === 0 ? 0 : taken / total;
  }
  return gauges;
}

function count<Item>(items: Iterable<Item>, matches: (item: Item) => boolean): number {
  let matching = 0;
  for (const item of items) if (matches(item)) matching += 1;
  return matching;
}
