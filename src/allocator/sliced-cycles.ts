// Allocation cycles cut into slices, for a leader that has other work to do: a slice ends when it has made as many offers
// or done as much work as it may, and the next goes on where it ended, with the state as it is then. As long as nothing
// else happens in between, the slices of a cycle give together what one whole cycle gives (with DRF: what is drawn by
// chance is drawn anew). What is kept from one slice to the next is no part of the state: another leader begins a new cycle.
import type { AgentId, Millis } from "../kernel/ids.ts";
import { AgentRing, placeAfter } from "./agent-ring.ts";
import { Cycle, DEFAULT_MINIMUM, type Rest, wholeOf } from "./allocate.ts";
import { Demands } from "./demands.ts";
import {
  BEHIND_SLICES_MAX,
  FIRST_RANKED_ALONE_MIN,
  NEW_AGENTS_PER_SLICE_MAX,
  WORK_PER_SLICE_MAX,
} from "./limits.ts";
import type { AgentEntry, AllocateOptions, Allocation, AllocatorState } from "./model.ts";
import { type Gate, gate, isScanCheaper } from "./open-agents.ts";
import type { OptimisticPlace } from "./optimistic-place.ts";
import { compareIds } from "./order.ts";
import { type Ranking, rank } from "./ranking.ts";
import type { Minimum } from "./requirements.ts";
import { NO_RESOURCES, type Resources } from "./resources.ts";
import { has, sharedOf } from "./shared.ts";
import { Work } from "./work.ts";

export interface SliceOptions extends AllocateOptions {
  /** In the unit of WORK_PER_SLICE_MAX, which it is unless given. At least one agent is looked at. */
  readonly workMax?: number;
}

type Stage = "guarantees" | "rest";

/** Where a cycle is. */
interface Run {
  /** In the order of their ids. */
  readonly agents: readonly AgentId[];
  /** Place of the agent whose turn comes first. */
  readonly start: number;
  /** How many have had their turn in this stage. */
  at: number;
  /** All agents have their turn for what roles lack of their guarantees, and then again for the rest. */
  stage: Stage;
  /** How many slices have ended before an agent's turn, for constraints were to be evaluated first. */
  behind: number;
  /** Where it is with its optimistic offers, which come last: nowhere yet, or there, or it has made all of them. */
  shown: OptimisticPlace | null | "all";
  /** What slices have given of what is shared: free again at once, but a cycle gives one copy of it only. */
  readonly copied: Map<AgentId, Resources>;
}

/** What a slice works with. */
interface Slice {
  readonly state: AllocatorState;
  readonly cycle: Cycle;
  readonly demands: Demands;
  readonly closedKindOf: Gate;
  readonly work: Work;
  readonly workMax: number;
  /** By place in the run's list: what was free on the agent when it was too little for everybody, as it is still. */
  readonly tooLittle: (Resources | undefined)[];
}

/** What a slice made, all in one stage. */
interface Made {
  readonly allocations: readonly Allocation[];
  readonly stage: Stage;
  /** As it was before. */
  readonly shown: OptimisticPlace | null;
  readonly turn: number;
}

interface TooLittle {
  readonly agents: readonly AgentId[];
  readonly minimum: Minimum;
  readonly free: (Resources | undefined)[];
}

export class SlicedCycles {
  readonly #ring: AgentRing = new AgentRing();
  #ranking: Ranking | null = null;
  /** Null before the first cycle and while one begins. */
  #run: Run | null = null;
  #isBeginning = false;
  #made: Made | null = null;
  #tooLittle: TooLittle = { agents: [], minimum: [], free: [] };

  /** Whether a cycle has begun and not ended: the next call of `next` goes on with it. */
  get isUnderWay(): boolean {
    return this.#isBeginning || (this.#run !== null && !isOver(this.#run));
  }

  /**
   * The next slice of the cycle under way, or of a new one if there is none. What it returns is to be carried out before
   * the next call.
   * @param turn grows when something that was returned is carried out: if it has not, that is returned again
   */
  next(s: AllocatorState, now: Millis, options: SliceOptions, turn: number): readonly Allocation[] {
    if (this.#made?.turn === turn) this.goBackTo(0);
    if (this.#run !== null && this.#made !== null) noteCopied(this.#run, this.#made.allocations);
    const run = this.#run === null || isOver(this.#run) ? this.#begin(s, options) : this.#run;
    this.#isBeginning = run === null;
    this.#made = null;
    this.#run = run;
    if (run === null) return [];
    const slice = this.#slice(s, now, options, run.agents);
    const stage = goOn(run, slice);
    const shown = run.shown === "all" ? null : run.shown;
    const allocations = hadItsTurns(run) ? show(run, slice, shown) : slice.cycle.allocations;
    this.#made = { allocations, stage, shown, turn };
    return allocations;
  }

  /** The allocations of the last slice from that place on are not carried out: their agents have their turn again. */
  goBackTo(place: number): void {
    const first = this.#made?.allocations[place];
    if (first === undefined || this.#made === null || this.#run === null) return;
    // Of optimistic offers it is all or nothing: others than those left out come in the next cycle.
    if (first.optimistic === true) {
      if (place === 0) this.#run.shown = this.#made.shown;
      return;
    }
    const { agents, start } = this.#run;
    const turn = agents.indexOf(first.agentId) - start;
    this.#run.at = turn < 0 ? turn + agents.length : turn;
    this.#run.stage = this.#made.stage;
    this.#run.shown = null;
    this.#made = { ...this.#made, allocations: this.#made.allocations.slice(0, place) };
  }

  /** Null if a slice is over before all agents are in order, or when all frameworks are for the first time. */
  #begin(s: AllocatorState, options: SliceOptions): Run | null {
    const agents = s.live.all === 0 ? [] : this.#agents(s);
    if (agents !== null && this.#ranking === null && s.live.all >= FIRST_RANKED_ALONE_MIN) {
      this.#ranking = rank(s, options);
      return null;
    }
    return (
      agents && {
        agents,
        start: placeAfter(agents, s.lastGiven),
        at: 0,
        stage: "guarantees",
        behind: 0,
        shown: null,
        copied: new Map(),
      }
    );
  }

  #agents(s: AllocatorState): readonly AgentId[] | null {
    return isScanCheaper(s)
      ? this.#ring.of(s.agents, NEW_AGENTS_PER_SLICE_MAX)
      : [...s.withFree.keys()].sort(compareIds);
  }

  #slice(s: AllocatorState, now: Millis, options: SliceOptions, agents: readonly AgentId[]): Slice {
    const { minimum = DEFAULT_MINIMUM, workMax = WORK_PER_SLICE_MAX } = options;
    const work = new Work();
    const demands = new Demands(s, options.requirements ?? null, minimum, work);
    const parts = { work, agentWorkMax: workMax, ranking: this.#ranking };
    const cycle = new Cycle(s, now, options, demands, null, parts);
    this.#ranking = cycle.ranking;
    const tooLittle = demands.areNone ? this.#tooLittleOf(agents, minimum) : [];
    const closedKindOf = gate(s, now, demands, options);
    return { state: s, cycle, demands, closedKindOf, work, workMax, tooLittle };
  }

  #tooLittleOf(agents: readonly AgentId[], minimum: Minimum): (Resources | undefined)[] {
    const known = this.#tooLittle;
    if (known.agents !== agents || known.minimum !== minimum) this.#tooLittle = { agents, minimum, free: [] };
    return this.#tooLittle.free;
  }
}

/** @returns the stage in which it has made what it made */
function goOn(run: Run, slice: Slice): Stage {
  const { cycle, work, workMax } = slice;
  while (!hadItsTurns(run)) {
    if (run.stage === "guarantees" && (run.at >= run.agents.length || !cycle.hasWanting)) {
      run.stage = "rest";
      run.at = 0;
      if (cycle.allocations.length > 0) return "guarantees";
    } else if (cycle.isFull || work.done >= workMax || !hasItsTurn(run, slice)) {
      break;
    }
  }
  return run.stage;
}

/** @returns false if the agent's turn is not over and the slice ends here */
function hasItsTurn(run: Run, slice: Slice): boolean {
  const { state, cycle, demands, work, tooLittle } = slice;
  const place = (run.start + run.at) % run.agents.length;
  const agentId = run.agents[place];
  const agent = agentId === undefined ? undefined : state.agents.get(agentId);
  work.done++;
  if (agentId !== undefined && agent !== undefined && agent.free !== tooLittle[place]) {
    const closed = slice.closedKindOf(agentId, agent);
    if (closed === "all-excluded" && demands.areNone) tooLittle[place] = agent.free;
    if (closed === null && !cycle.give(leftOf(run, agentId, agent), run.stage)) return false;
  }
  if (demands.isBehind && run.behind < BEHIND_SLICES_MAX) {
    run.behind++;
    return false;
  }
  run.at++;
  return true;
}

/** What is free on the agent, without what the cycle has given a copy of. */
function leftOf({ copied }: Run, agentId: AgentId, agent: AgentEntry): Rest {
  const rest = wholeOf({ agentId, agent });
  const given = copied.get(agentId);
  if (given !== undefined) rest.resources = rest.resources.filter((resource) => !has(given, resource));
  return rest;
}

function noteCopied({ copied }: Run, allocations: readonly Allocation[]): void {
  for (const { agentId, resources, optimistic = false } of allocations) {
    const shared = optimistic ? NO_RESOURCES : sharedOf(resources);
    if (shared.length > 0) copied.set(agentId, [...(copied.get(agentId) ?? []), ...shared]);
  }
}

/** What the slice has given, and optimistic offers as far as it comes with them. */
function show(
  run: Run,
  { cycle, demands, workMax }: Slice,
  from: OptimisticPlace | null,
): readonly Allocation[] {
  const { made, next } = cycle.show(from, workMax, run.behind < BEHIND_SLICES_MAX);
  if (demands.isBehind) run.behind++;
  run.shown = next ?? "all";
  return made;
}

function hadItsTurns(run: Run): boolean {
  return run.stage === "rest" && run.at >= run.agents.length;
}

function isOver(run: Run): boolean {
  return run.shown === "all";
}
