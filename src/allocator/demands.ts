// What frameworks ask of an agent in each role: offer constraints that its attributes must satisfy (AL14), and least
// amounts that an offer must hold (AL08, AL12). Read anew for each cycle from what the caller says of frameworks and
// agents; while nothing of it has changed, an agent that nobody may have costs a few comparisons.
import type { AgentId } from "../kernel/ids.ts";
import { type Access, countAccess, countFor, mayHave, noAccessCounts } from "./access.ts";
import { isBlocking } from "./blocking.ts";
import type { ConstraintFailure } from "./constraints/evaluate.ts";
import type { AgentFacts, RoleConstraints } from "./constraints/model.ts";
import { type AgentSlot, ConstraintCache } from "./constraints/verdicts.ts";
import { frameworkOf } from "./lookups.ts";
import type { AgentEntry, AllocatorState, ClientNumber } from "./model.ts";
import type { Minimum, RequirementsSource } from "./requirements.ts";
import { type Resources, scalarOf } from "./resources.ts";
import { Work } from "./work.ts";

/** Why a client may not have an agent, as far as it is its own wish. */
export type UnmetDemand =
  /** One failure for each group of its constraints. */
  | { readonly kind: "constraint"; readonly failures: readonly ConstraintFailure[] }
  /** For each alternative what is missing: thousandths by name. */
  | {
      readonly kind: "minimum";
      readonly minimum: Minimum;
      readonly lacks: readonly Readonly<Record<string, number>>[];
    };

interface Demand {
  readonly constraints: RoleConstraints | null;
  /** Place in `minimums`. */
  readonly minimum: number;
  readonly access: Access;
}

/** Place of the cycle's own minimum. */
const GLOBAL = 0;

/** The agent that is looked at, and what has been worked out of it. */
interface Candidate {
  readonly agentId: AgentId;
  readonly offer: Resources;
  readonly slot: AgentSlot;
  /** By place of the minimum. */
  readonly reached: boolean[];
}

export class Demands {
  readonly #minimums: Minimum[];
  /** By text: equal ones share a place. */
  readonly #places: Map<string, number> = new Map();
  /** Live clients that ask for something. */
  readonly #byClient: Map<ClientNumber, Demand> = new Map();
  readonly #demanding = noAccessCounts();
  readonly #source: RequirementsSource | null;
  readonly #cache: ConstraintCache;
  readonly #round: number;
  readonly #work: Work;
  #candidate: Candidate | null = null;

  /**
   * @param minimum the cycle's own
   * @param work is told what has to be worked out anew
   */
  constructor(
    s: AllocatorState,
    source: RequirementsSource | null,
    minimum: Minimum,
    work: Work = new Work(),
  ) {
    this.#work = work;
    this.#minimums = [minimum];
    this.#source = source;
    this.#cache = source?.cache ?? new ConstraintCache();
    if (source !== null) this.#read(s, source);
    const demands = [...this.#byClient.values()];
    const inUse = demands.flatMap(({ constraints }) => (constraints === null ? [] : [constraints]));
    this.#cache.begin(s.agents, (agentId) => this.#factsOf(agentId), inUse);
    const members = demands.map(({ constraints, minimum: place, access }) => [
      constraints,
      this.#minimums[place],
      access.gpu,
      access.regionAware,
    ]);
    this.#round = this.#cache.roundOf(members.flat());
  }

  /** Whether no client asks for more than the cycle's own minimum. */
  get areNone(): boolean {
    return this.#byClient.size === 0;
  }

  /** Whether something had to be left open, for evaluating it would have been too much work for now. */
  get isBehind(): boolean {
    return this.#cache.isBehind;
  }

  /**
   * How many of those who could have the agent, filters aside, are kept from it by what they ask for.
   * @param contenders how many could
   */
  keptAwayCount(agentId: AgentId, agent: AgentEntry, contenders: number): number {
    const demanding = countFor(this.#demanding, agent);
    const content = contenders - demanding;
    const short = content === 0 || reaches(agent.free, this.#minimums[GLOBAL] ?? []) ? 0 : content;
    return demanding === 0 ? short : short + this.#demandingKeptAway(agentId, agent);
  }

  /** Null if it has none, or if nobody said what agents are. */
  regionOf(agentId: AgentId): string | null {
    return this.#factsOf(agentId).region;
  }

  /** How many of those that are kept away by what they ask for are counted in the agent's `blocked` too; never less. */
  keptAwayAndBlockedCount(agentId: AgentId, agent: AgentEntry): number {
    const candidate = this.#candidateOf(agentId, agent.free);
    const isShort = !reaches(agent.free, this.#minimums[GLOBAL] ?? []);
    this.#work.done += agent.filters.size;
    let count = 0;
    for (const [number, filters] of agent.filters) {
      const demand = this.#byClient.get(number);
      if (demand === undefined && !isShort) continue;
      if ((demand === undefined || this.#isUnmet(demand, candidate)) && isBlocking(filters)) count++;
    }
    return count;
  }

  /** Whether what is free is enough for somebody who competes. */
  isEnoughForSomebody(free: Resources, contenders: number): boolean {
    const asked = contenders > this.#byClient.size ? [GLOBAL] : [];
    for (const { minimum } of this.#byClient.values()) asked.push(minimum);
    return asked.some((place) => reaches(free, this.#minimums[place] ?? []));
  }

  /** Whether nobody asks for so little; false if that would have to be looked up. */
  isTooLittle(rest: Resources): boolean {
    return this.areNone && !reaches(rest, this.#minimums[GLOBAL] ?? []);
  }

  /** Whether the client's own wishes keep the offer of what the agent has from it. */
  keepsAway(number: ClientNumber, agentId: AgentId, offer: Resources): boolean {
    return this.#isUnmet(this.#byClient.get(number), this.#candidateOf(agentId, offer));
  }

  /** Why they do, null if they do not. */
  unmet(number: ClientNumber, agentId: AgentId, offer: Resources): UnmetDemand | null {
    const demand = this.#byClient.get(number);
    const constraints = demand?.constraints ?? null;
    if (constraints !== null) {
      const failures = this.#cache.failures(constraints, this.#slotOf(agentId).facts);
      if (failures.length > 0) return { kind: "constraint", failures };
    }
    const minimum = this.#minimums[demand?.minimum ?? GLOBAL] ?? [];
    if (reaches(offer, minimum)) return null;
    return { kind: "minimum", minimum, lacks: minimum.map((set) => lacking(offer, set)) };
  }

  #isUnmet(demand: Demand | undefined, candidate: Candidate): boolean {
    const constraints = demand?.constraints ?? null;
    if (constraints !== null && this.#cache.excludes(constraints, candidate.slot)) return true;
    const place = demand?.minimum ?? GLOBAL;
    candidate.reached[place] ??= reaches(candidate.offer, this.#minimums[place] ?? []);
    return !candidate.reached[place];
  }

  /** Remembered as long as clients, agent and what is free there stay the same ones. */
  #demandingKeptAway(agentId: AgentId, agent: AgentEntry): number {
    const candidate = this.#candidateOf(agentId, agent.free);
    const { slot } = candidate;
    const { counted, version } = slot;
    const isSame = counted?.round === this.#round && counted.version === version;
    const { gpu, remote, free } = agent;
    const isSameAgent = counted?.gpu === gpu && counted.remote === remote && counted.free === free;
    if (isSame && isSameAgent) return counted.count;
    this.#work.done += this.#byClient.size;
    let count = 0;
    for (const demand of this.#byClient.values()) {
      if (mayHave(demand.access, agent) && this.#isUnmet(demand, candidate)) count++;
    }
    if (!this.#cache.isBehind) slot.counted = { round: this.#round, version, gpu, remote, free, count };
    return count;
  }

  #read(s: AllocatorState, source: RequirementsSource): void {
    for (const [number, client] of s.clients) {
      if (!client.live) continue;
      const asked = source.requirementsOf(client.frameworkId, client.role);
      if (asked === null) continue;
      const { gpu, regionAware } = frameworkOf(s, client.frameworkId);
      const access = { gpu, regionAware };
      const minimum = this.#placeOf(asked.minimum);
      this.#byClient.set(number, { constraints: asked.constraints, minimum, access });
      countAccess(this.#demanding, access, 1);
    }
  }

  #placeOf(minimum: Minimum | null): number {
    if (minimum === null) return GLOBAL;
    const text = this.#cache.textOf(minimum);
    const place = this.#places.get(text) ?? this.#minimums.push(minimum) - 1;
    this.#places.set(text, place);
    return place;
  }

  #candidateOf(agentId: AgentId, offer: Resources): Candidate {
    if (this.#candidate?.agentId === agentId && this.#candidate.offer === offer) return this.#candidate;
    this.#candidate = { agentId, offer, slot: this.#slotOf(agentId), reached: [] };
    return this.#candidate;
  }

  #slotOf(agentId: AgentId): AgentSlot {
    return this.#cache.slotOf(agentId, this.#factsOf(agentId));
  }

  #factsOf(agentId: AgentId): AgentFacts {
    return this.#source?.factsOf(agentId) ?? NO_FACTS;
  }
}

const NO_FACTS: AgentFacts = { hostname: "", region: null, zone: null, attributes: [] };

/** Whether one of the alternatives is there in full. */
export function reaches(free: Resources, minimum: Minimum): boolean {
  for (const set of minimum) if (reachesSet(free, set)) return true;
  return minimum.length === 0;
}

function reachesSet(free: Resources, set: Readonly<Record<string, number>>): boolean {
  for (const name in set) if (scalarOf(free, name) < (set[name] ?? 0)) return false;
  return true;
}

function lacking(free: Resources, set: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const lacks = Object.entries(set).map(([name, millis]) => [name, millis - scalarOf(free, name)] as const);
  return Object.fromEntries(lacks.filter(([, millis]) => millis > 0));
}
