// "Why does my framework get no offers?", "why is my task still pending?": the allocator's explanation of the next
// cycle, with what only the cluster knows: who holds an agent, since when, and what a task waits for. Plain data; the
// words are for whoever shows it.
import {
  type AgentVerdict,
  type Explanation,
  explain,
  format,
  NO_RESOURCES,
  type Resources,
  sum,
} from "../allocator/index.ts";
import type { AgentId, FrameworkId, Millis, OfferId, RoleName, TaskId } from "../kernel/ids.ts";
import { executorsOn } from "./evolve/executors.ts";
import { after } from "./lookups.ts";
import { machineText, plannedFor } from "./machines.ts";
import type { Agent, ClusterState, Deactivation, Framework, Offer, Task } from "./model.ts";
import { allocateOptions } from "./requirements.ts";

export interface WhyReport {
  /** The cluster's clock at the moment that is explained. */
  readonly at: Millis;
  readonly framework: {
    readonly id: FrameworkId;
    readonly name: string;
    readonly connection: ConnectionView;
    readonly offers: readonly OfferView[];
  };
  /** Null unless a task was asked about. */
  readonly task: TaskView | null;
  readonly wanted: Resources;
  /** Null for a framework that is completed: it competes no more. */
  readonly roles: Explanation["roles"] | null;
  readonly agents: readonly AgentView[];
  /** Machines that operators have taken down: agents of theirs are nobody's until they are up again. At most MACHINES_SHOWN_MAX. */
  readonly machinesDown: readonly string[];
}

/** Machines that are down that are named. */
const MACHINES_SHOWN_MAX = 10;

/** Without the id of its stream, by which it is known to be who it is. */
export type ConnectionView =
  | { readonly kind: "connected" }
  | Exclude<Framework["connection"], { readonly kind: "connected" }>;

export interface OfferView {
  readonly id: OfferId;
  readonly agentId: AgentId;
  readonly hostname: string;
  readonly role: RoleName;
  readonly resources: Resources;
  readonly madeAt: Millis;
  /** Others hold some of it and may use it first. */
  readonly optimistic?: true;
}

export interface TaskView {
  readonly id: TaskId;
  readonly state: Task["state"];
  readonly agentId: AgentId;
  readonly hostname: string | null;
  readonly agentConnection: Agent["connection"]["kind"] | "gone";
  readonly launchedAt: Millis;
  readonly killAsked: boolean;
  /** A status that the framework has not acknowledged: it keeps later ones from being sent (EX13). */
  readonly unacknowledged: Task["state"] | null;
  readonly resources: Resources;
}

export interface AgentView extends AgentVerdict {
  readonly hostname: string;
  /** Why operators keep it out of the offers; null if none does. */
  readonly keptOut: KeptOut | null;
  /** When its machine is planned to be down; null if it is not (MN07). */
  readonly unavailableFrom: Millis | null;
  /** Who holds something of it. */
  readonly holders: readonly Holder[];
}

export interface KeptOut {
  readonly kind: "deactivated" | "draining" | "drained";
  readonly since: Millis;
}

export interface Holder {
  readonly frameworkId: FrameworkId;
  readonly name: string;
  readonly used: Resources;
  readonly offered: Resources;
  /** When the oldest of its outstanding offers was made; null if there is none. */
  readonly offeredSince: Millis | null;
  /** Where optimistic offers are made: from when on that offer keeps its resources from nobody. */
  readonly sharedFrom?: Millis;
}

export type WhySubject =
  | { readonly frameworkId: FrameworkId }
  | { readonly frameworkId: FrameworkId; readonly taskId: TaskId };

/**
 * The frameworks and tasks that a text may mean: an id in full, or a framework's name. More than one if the text is the
 * id of tasks of several frameworks, or the name of several frameworks.
 */
export function findSubjects(state: ClusterState, text: string): readonly WhySubject[] {
  const found: WhySubject[] = [];
  for (const framework of [...state.frameworks.values(), ...state.completedFrameworks.values()]) {
    const { id, spec } = framework;
    if (id === text || spec.name === text) found.push({ frameworkId: id });
    const task = tasksOf(framework).find((each) => each.id === text);
    if (task !== undefined) found.push({ frameworkId: id, taskId: task.id });
  }
  return found;
}

/**
 * @param wanted what a task would need; what the subject's task has, if that is not given
 */
export function why(
  state: ClusterState,
  now: Millis,
  subject: WhySubject,
  wanted: Resources | null = null,
): WhyReport | null {
  const active = state.frameworks.get(subject.frameworkId);
  const framework = active ?? state.completedFrameworks.get(subject.frameworkId);
  if (framework === undefined) return null;
  const task =
    "taskId" in subject ? tasksOf(framework).find((each) => each.id === subject.taskId) : undefined;
  const needs = wanted ?? task?.resources ?? NO_RESOURCES;
  const options = allocateOptions(state);
  const explanation =
    active === undefined ? null : explain(state.allocator, now, framework.id, needs, options);
  return {
    at: now,
    framework: {
      id: framework.id,
      name: framework.spec.name,
      connection: connectionOf(framework),
      offers: offersOf(state, framework),
    },
    task: task === undefined ? null : taskView(state, task),
    wanted: needs,
    roles: explanation?.roles ?? null,
    agents: (explanation?.agents ?? []).map((verdict) => agentView(state, verdict)),
    machinesDown: machinesDown(state),
  };
}

function machinesDown({ maintenance }: ClusterState): readonly string[] {
  const down = [...maintenance.machines.values()].filter(({ mode }) => mode === "down");
  return down.slice(0, MACHINES_SHOWN_MAX).map(({ id }) => machineText(id));
}

function connectionOf({ connection }: Framework): ConnectionView {
  return connection.kind === "connected" ? { kind: "connected" } : connection;
}

function tasksOf(framework: Framework): readonly Task[] {
  return [...framework.tasks.values(), ...framework.unreachableTasks.values(), ...framework.completedTasks];
}

function taskView(state: ClusterState, task: Task): TaskView {
  const agent = state.agents.get(task.agentId);
  return {
    id: task.id,
    state: task.state,
    agentId: task.agentId,
    hostname: agent?.spec.hostname ?? null,
    agentConnection: agent?.connection.kind ?? "gone",
    launchedAt: task.launchedAt,
    killAsked: task.kill !== null,
    unacknowledged: task.unacknowledged?.state ?? null,
    resources: task.resources,
  };
}

function offersOf(state: ClusterState, framework: Framework): readonly OfferView[] {
  const views: OfferView[] = [];
  for (const offerId of framework.offers.keys()) {
    const offer = state.offers.get(offerId);
    if (offer === undefined) continue;
    const { id, agentId, role, resources, madeAt, optimistic } = offer;
    const view = { id, agentId, hostname: hostnameOf(state, agentId), role, resources, madeAt };
    views.push(optimistic === true ? { ...view, optimistic } : view);
  }
  return views;
}

function agentView(state: ClusterState, verdict: AgentVerdict): AgentView {
  const agent = state.agents.get(verdict.agentId);
  const holders = agent === undefined ? [] : holdersOf(state, agent);
  const keptOut = agent?.deactivation === undefined ? null : keptOutBy(agent.deactivation);
  const planned = agent === undefined ? undefined : plannedFor(state, agent.spec);
  const unavailableFrom = planned === undefined ? null : millisOf(planned.unavailability.start);
  return { ...verdict, hostname: hostnameOf(state, verdict.agentId), keptOut, unavailableFrom, holders };
}

function keptOutBy({ since, drain }: Deactivation): KeptOut {
  return drain === null ? { kind: "deactivated", since } : { kind: drain.state, since: drain.since };
}

/** Of nanoseconds; at most the last moment that a date can be. */
function millisOf(nanos: bigint): Millis {
  return Math.min(Number(nanos / 1_000_000n), LAST_DATE_MS) as Millis;
}

const LAST_DATE_MS = 8.64e15;

function hostnameOf(state: ClusterState, agentId: AgentId): string {
  return state.agents.get(agentId)?.spec.hostname ?? "";
}

function holdersOf(state: ClusterState, agent: Agent): readonly Holder[] {
  const used = new Map<FrameworkId, Resources[]>();
  const offered = new Map<FrameworkId, Offer[]>();
  for (const [frameworkId, tasks] of agent.tasks) {
    for (const taskId of tasks.keys()) {
      const task = state.frameworks.get(frameworkId)?.tasks.get(taskId);
      if (task?.holdsResources === true) push(used, frameworkId, task.resources);
    }
  }
  for (const [framework, executor] of executorsOn(state, agent)) {
    if (executor.holdsResources) push(used, framework.id, executor.resources);
  }
  for (const offerId of agent.offers.keys()) {
    const offer = state.offers.get(offerId);
    if (offer !== undefined && offer.optimistic !== true) push(offered, offer.frameworkId, offer);
  }
  const ids = [...new Set([...used.keys(), ...offered.keys()])];
  return ids.map((id) => holder(state, id, used.get(id) ?? [], offered.get(id) ?? []));
}

function holder(
  state: ClusterState,
  frameworkId: FrameworkId,
  used: readonly Resources[],
  offers: readonly Offer[],
): Holder {
  const [oldest] = offers;
  const afterMs = state.policy.optimisticAfterMs;
  return {
    frameworkId,
    name: state.frameworks.get(frameworkId)?.spec.name ?? "",
    used: sum(used),
    offered: sum(offers.map(({ resources }) => resources)),
    offeredSince: oldest?.madeAt ?? null,
    ...(oldest === undefined || afterMs === null ? {} : { sharedFrom: after(oldest.madeAt, afterMs) }),
  };
}

function push<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** The report as it is read outside: resources as text (`cpus:1; mem:64`), whole numbers as numbers. */
export type Readable<Part> = Part extends string | number | boolean | null
  ? Part
  : Part extends bigint
    ? number
    : Part extends Resources
      ? string
      : Part extends readonly (infer Item)[]
        ? readonly Readable<Item>[]
        : { readonly [Field in keyof Part]: Readable<Part[Field]> };

const RESOURCE_FIELDS: ReadonlySet<string> = new Set([
  "resources",
  "free",
  "wanted",
  "lacksFree",
  "lacksTotal",
  "used",
  "offered",
] satisfies (keyof AgentView | keyof Holder | keyof WhyReport | keyof OfferView)[]);

/** JSON of a `Readable<WhyReport>`. */
export function whyJson(report: WhyReport): string {
  return JSON.stringify(report, (field, value: unknown) => {
    if (typeof value === "bigint") return Number(value);
    return RESOURCE_FIELDS.has(field) ? format(value as Resources) : value;
  });
}
