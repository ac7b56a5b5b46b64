// Property NS-1 (decision 0037): where optimistic offers are made, what others merely hold can starve nobody. Whoever has
// had no offer for the operator's time, and for whom all the while something is unused that it wants and may have, is
// offered something within a few cycles. Worked out from tasks, executors and offers, not as the allocator does it.
import { type Resources, scalarOf, sum, without } from "../../src/allocator/index.ts";
import type { AgentId, FrameworkId, RoleName } from "../../src/kernel/ids.ts";
import type { HistoryEntry } from "../../src/master/types.ts";
import type { Agent, ClusterState, Framework } from "../../src/state/model.ts";
import { type Check, checkOf } from "./check.ts";

const check: Check = checkOf("no-starvation");

/** What cycles may be late by: they rest, and machines' clocks differ. Milliseconds. */
const LATE_MS = 6_000;

export interface Waiting {
  readonly frameworkId: FrameworkId;
  readonly role: RoleName;
  /** When it last had an offer, or began to compete. */
  readonly since: number;
}

/** Who competes and has no offer, and since when. Told of the state after each change. */
export class WaitingList {
  #waiting: ReadonlyMap<string, Waiting> = new Map();

  get clients(): readonly Waiting[] {
    return [...this.#waiting.values()];
  }

  note(state: ClusterState, now: number): void {
    const before = this.#waiting;
    const waiting = new Map<string, Waiting>();
    for (const { id: frameworkId, spec, suppressedRoles, connection } of state.frameworks.values()) {
      for (const role of spec.roles) {
        const key = `${frameworkId} ${role}`;
        const isLive = connection.kind === "connected" && !suppressedRoles.includes(role);
        if (!isLive || hasOffer(state, { frameworkId, role })) continue;
        waiting.set(key, before.get(key) ?? { frameworkId, role, since: now });
      }
    }
    this.#waiting = waiting;
  }
}

/** Only a cluster that works owes anybody an offer: it is watched when all is healed, while it has a leader. */
export class NoStarvation {
  readonly #list = new WaitingList();
  /** Since when something is unused for each of those who wait; null while nothing is watched. */
  #couldHave: Map<string, number> | null = null;
  /** How often somebody who waited was looked at while there was something for it. */
  looks = 0;

  watch(): void {
    this.#couldHave = new Map();
  }

  /** @param atMs virtual time of the world */
  committed(state: ClusterState, { events }: HistoryEntry, atMs: number): void {
    this.#list.note(state, atMs);
    if (this.#couldHave === null) return;
    const isNew = events.some(({ kind }) => kind === "LeaderElected" || kind === "PolicyChanged");
    if (isNew) this.#couldHave = new Map();
    this.look(state, atMs, true);
  }

  /** @param isLed whether somebody leads who has committed all of this state */
  look(state: ClusterState, atMs: number, isLed: boolean): void {
    const { optimisticAfterMs: afterMs } = state.policy;
    const before = this.#couldHave;
    if (before === null) return;
    this.#couldHave = new Map();
    if (!isLed || afterMs === null) return;
    for (const client of this.#list.clients) {
      if (!couldHaveSomething(state, client, 0)) continue;
      this.looks++;
      const key = `${client.frameworkId} ${client.role}`;
      const from = before.get(key) ?? atMs;
      this.#couldHave.set(key, from);
      const due = Math.max(client.since + 1.1 * afterMs, from) + LATE_MS;
      check(atMs <= due, "a framework is starved", () => ({ atMs, from, afterMs, ...client }));
    }
  }
}

export function hasOffer(state: ClusterState, client: Pick<Waiting, "frameworkId" | "role">): boolean {
  for (const offerId of state.frameworks.get(client.frameworkId)?.offers.keys() ?? []) {
    if (state.offers.get(offerId)?.role === client.role) return true;
  }
  return false;
}

/** Cautious: where a quota, a constraint or any filter might be in the way it says no. */
export function couldHaveSomething(
  state: ClusterState,
  { frameworkId, role }: Pick<Waiting, "frameworkId" | "role">,
  now: number,
): boolean {
  const framework = state.frameworks.get(frameworkId);
  if (framework === undefined || state.allocator.quotas.size > 0) return false;
  if (framework.offerConstraints?.some((each) => each.role === role) === true) return false;
  const { policy } = state;
  const minimum = framework.spec.minimums?.find((each) => each.role === role)?.minimum ?? policy.minimum;
  return [...state.agents.values()].some(
    (agent) =>
      isOpenTo(state, framework, role, agent, now) && reaches(unusedFor(state, framework, agent), minimum),
  );
}

function isOpenTo(
  { policy, allocator }: ClusterState,
  { id, spec }: Framework,
  role: RoleName,
  agent: Agent,
  now: number,
): boolean {
  const entry = allocator.agents.get(agent.id);
  if (entry?.active !== true || agent.connection.kind !== "connected") return false;
  if (policy.whitelist !== null && !policy.whitelist.has(agent.spec.hostname)) return false;
  if (entry.remote && !spec.capabilities.includes("REGION_AWARE")) return false;
  if (entry.gpu && !spec.capabilities.includes("GPU_RESOURCES")) return false;
  const number = allocator.frameworks.get(id)?.clients.get(role);
  const filters = number === undefined ? undefined : entry.filters.get(number);
  return filters?.some(({ until }) => until > now) !== true;
}

/** Of what is neither reserved nor of any kind of its own: neither used nor offered to the framework already. */
function unusedFor(state: ClusterState, { id }: Framework, agent: Agent): Resources {
  const total = (state.allocator.agents.get(agent.id)?.total ?? []).filter(({ meta }) => meta === "");
  const own = [...agent.offers.keys()].flatMap((offerId) => state.offers.get(offerId) ?? []);
  const shown = own.filter(({ frameworkId }) => frameworkId === id).map(({ resources }) => resources);
  return without(total, sum([...usedOn(state, agent.id), ...shown]));
}

function* usedOn(state: ClusterState, agentId: AgentId): Generator<Resources> {
  for (const { tasks, executors } of state.frameworks.values()) {
    for (const task of tasks.values()) {
      if (task.agentId === agentId && task.holdsResources) yield task.resources;
    }
    for (const executor of executors.get(agentId)?.values() ?? []) {
      if (executor.holdsResources) yield executor.resources;
    }
  }
}

function reaches(resources: Resources, minimum: ClusterState["policy"]["minimum"]): boolean {
  const isMet = (set: Readonly<Record<string, number>>) =>
    Object.entries(set).every(([name, millis]) => scalarOf(resources, name) >= millis);
  return resources.length > 0 && (minimum.length === 0 || minimum.some(isMet));
}
