// What a log says of frameworks and agents, apart from who was offered what: which tasks each framework started, since
// when it can have wanted them and how long they lasted, how it answered offers, and when frameworks and agents came and
// went. The log does not say when a task was first wanted. It is taken to be wanted since the latest of: the beginning,
// the framework's coming into the role, the end of its suppression there, and its last refusal of an offer that would
// have held the task; before that it did not want it, or could not say so.
import { add, contains, type Resources } from "../../allocator/index.ts";
import { asMillis, type FrameworkId, type Millis, type RoleName, type TaskId } from "../../kernel/ids.ts";
import type { Entry } from "../../state/codec.ts";
import type { Event, EventOf, TaskLaunched } from "../../state/events.ts";
import { evolve } from "../../state/evolve.ts";
import type { ClusterState } from "../../state/model.ts";
import { isTerminal } from "../../state/statuses.ts";
import { type Run, Tally } from "./figures.ts";
import { type Habits, HabitsReader } from "./habits.ts";
import { REFUSALS_REMEMBERED_MAX, STEPS_PER_REPORT } from "./limits.ts";

export interface RecordedTask {
  readonly frameworkId: FrameworkId;
  readonly taskId: TaskId;
  readonly role: RoleName;
  /** Scalars, with those of the executor that it started; a framework would find other ports on another agent. */
  readonly demand: Resources;
  readonly wantedAt: Millis;
  /** Null if it ran to the end of the recording. */
  durationMs: number | null;
}

/** A task that ran when the recording began. */
interface EndOfTask {
  readonly frameworkId: FrameworkId;
  readonly taskId: TaskId;
  readonly at: Millis;
}

export interface Recording {
  readonly from: Millis;
  readonly until: Millis;
  /** How frameworks, agents, weights, quotas and settings came, changed and went: without offers and tasks. */
  readonly life: readonly { readonly at: Millis; readonly event: Event }[];
  /** In the order of their starts. */
  readonly tasks: readonly RecordedTask[];
  readonly ends: readonly EndOfTask[];
  readonly habits: ReadonlyMap<FrameworkId, Habits>;
  /** What really happened. */
  readonly run: Run;
}

const LIFE: ReadonlySet<Event["kind"]> = new Set<Event["kind"]>([
  "LeaderElected",
  "FrameworkSubscribed",
  "FrameworkUpdated",
  "FrameworkDisconnected",
  "FrameworkRemoved",
  "FrameworkSuppressed",
  "FrameworkRevived",
  "AgentRegistered",
  "AgentReregistered",
  "AgentCorrected",
  "AgentDisconnected",
  "AgentUnreachable",
  "AgentRemoved",
  "AgentDeactivated",
  "AgentReactivated",
  "AgentDrainStarted",
  "AgentDrained",
  "MaintenanceScheduled",
  "MaintenanceStarted",
  "MaintenanceStopped",
  "AgentResourcesConverted",
  "ExecutorExited",
  "WeightsUpdated",
  "QuotasUpdated",
  "PolicyChanged",
]);

interface Refusal {
  readonly at: Millis;
  readonly resources: Resources;
}

interface OpenTask {
  readonly frameworkId: FrameworkId;
  readonly taskId: TaskId;
  readonly agentId: string;
  readonly startedAt: Millis;
  /** Null if it ran before the beginning. */
  readonly task: RecordedTask | null;
  endedAt: Millis | null;
}

/** @param state as of before the first entry; it is brought to the end. Yields how many entries are done. */
export function* record(state: ClusterState, entries: readonly Entry[]): Generator<number, Recording> {
  const until = asMillis(Math.max(state.time, entries.at(-1)?.time ?? state.time));
  const reader = new Reader(state, until);
  for (const [done, entry] of entries.entries()) {
    if (done % STEPS_PER_REPORT === 0) yield done;
    for (const event of entry.events) reader.read(event, entry.time);
  }
  return reader.end();
}

class Reader {
  readonly #state: ClusterState;
  readonly #from: Millis;
  readonly #until: Millis;
  readonly #tally: Tally;
  readonly #habits: HabitsReader;
  readonly #life: { at: Millis; event: Event }[] = [];
  readonly #tasks: RecordedTask[] = [];
  readonly #open: Map<string, OpenTask> = new Map();
  readonly #ended: OpenTask[] = [];
  readonly #since: Map<string, Millis> = new Map();
  readonly #refusals: Map<string, Refusal[]> = new Map();

  constructor(state: ClusterState, until: Millis) {
    this.#state = state;
    this.#from = state.time;
    this.#until = until;
    this.#tally = new Tally(state.time, until);
    this.#habits = new HabitsReader();
    for (const framework of state.frameworks.values()) {
      for (const task of framework.tasks.values()) {
        if (!task.holdsResources) continue;
        const { id: taskId, agentId } = task;
        const open = { frameworkId: framework.id, taskId, agentId, startedAt: this.#from };
        this.#open.set(keyOf(framework.id, taskId), { ...open, task: null, endedAt: null });
      }
    }
  }

  read(event: Event, time: Millis): void {
    this.#tally.advance(this.#state, time);
    if (LIFE.has(event.kind)) this.#life.push({ at: time, event });
    this.#habits.read(this.#state, event, time);
    this.#readOffers(event, time);
    this.#readTasks(event, time);
    evolve(this.#state, event, time);
  }

  end(): Recording {
    for (const open of this.#ended) {
      if (open.task !== null && open.endedAt !== null) open.task.durationMs = open.endedAt - open.startedAt;
    }
    const ends = this.#ended.flatMap(({ frameworkId, taskId, task, endedAt }) =>
      task === null && endedAt !== null ? [{ frameworkId, taskId, at: endedAt }] : [],
    );
    return {
      from: this.#from,
      until: this.#until,
      life: this.#life,
      tasks: this.#tasks,
      ends,
      habits: this.#habits.habits(this.#state, this.#until),
      run: this.#tally.finish(this.#state),
    };
  }

  #readOffers(event: Event, time: Millis): void {
    if (event.kind === "OffersMade") for (const offer of event.offers) this.#tally.offered(offer);
    if (event.kind === "OffersAccepted" && event.unused.length > 0)
      this.#refused(event.frameworkId, event.role, event.unused, time);
    if (event.kind === "OffersDeclined") {
      for (const offerId of event.offerIds) {
        const offer = this.#state.offers.get(offerId);
        if (offer !== undefined) this.#refused(event.frameworkId, offer.role, offer.resources, time);
      }
    }
    if (event.kind === "FrameworkSubscribed" || event.kind === "FrameworkUpdated") this.#joined(event, time);
    if (event.kind === "FrameworkRevived") this.#revived(event, time);
  }

  #joined(event: EventOf<"FrameworkSubscribed"> | EventOf<"FrameworkUpdated">, time: Millis): void {
    const before = this.#state.frameworks.get(event.frameworkId)?.spec.roles ?? [];
    for (const role of event.spec.roles)
      if (!before.includes(role)) this.#since.set(keyOf(event.frameworkId, role), time);
  }

  #revived({ frameworkId, roles }: EventOf<"FrameworkRevived">, time: Millis): void {
    const suppressed = this.#state.frameworks.get(frameworkId)?.suppressedRoles ?? [];
    for (const role of roles) if (suppressed.includes(role)) this.#since.set(keyOf(frameworkId, role), time);
  }

  #refused(frameworkId: FrameworkId, role: RoleName, resources: Resources, at: Millis): void {
    const key = keyOf(frameworkId, role);
    const list = this.#refusals.get(key) ?? [];
    list.push({ at, resources });
    if (list.length > REFUSALS_REMEMBERED_MAX) list.shift();
    this.#refusals.set(key, list);
  }

  #readTasks(event: Event, time: Millis): void {
    if (event.kind === "TaskLaunched") this.#launched(event, time);
    const isOver =
      event.kind === "TaskUnreachable" ||
      (event.kind === "TaskStatusUpdated" && isTerminal(event.latestState));
    if (isOver) this.#ends(this.#open.get(keyOf(event.frameworkId, event.taskId)), time);
    if (event.kind === "TaskRecovered") this.#recovered(event);
    if (event.kind === "FrameworkRemoved" || event.kind === "AgentRemoved") {
      for (const open of [...this.#open.values()]) {
        const isMeant =
          event.kind === "AgentRemoved"
            ? open.agentId === event.agentId
            : open.frameworkId === event.frameworkId;
        if (isMeant) this.#ends(open, time);
      }
    }
  }

  #launched(event: TaskLaunched, time: Millis): void {
    const { frameworkId, taskId, role, agentId } = event;
    const demand = demandOf(event);
    const wantedAt = this.#wantedSince(frameworkId, role, demand, time);
    const task: RecordedTask = { frameworkId, taskId, role, demand, wantedAt, durationMs: null };
    this.#tasks.push(task);
    this.#tally.started(task, wantedAt, time);
    const open = { frameworkId, taskId, agentId, startedAt: time, task, endedAt: null };
    this.#open.set(keyOf(frameworkId, taskId), open);
  }

  #wantedSince(frameworkId: FrameworkId, role: RoleName, demand: Resources, time: Millis): Millis {
    const key = keyOf(frameworkId, role);
    const refusal = this.#refusals
      .get(key)
      ?.findLast(({ at, resources }) => at < time && contains(resources, demand));
    return asMillis(Math.max(this.#from, this.#since.get(key) ?? this.#from, refusal?.at ?? this.#from));
  }

  #ends(open: OpenTask | undefined, time: Millis): void {
    if (open === undefined) return;
    open.endedAt = time;
    this.#ended.push(open);
    this.#open.delete(keyOf(open.frameworkId, open.taskId));
  }

  /** It was not over, only out of sight. */
  #recovered({ frameworkId, taskId, status }: EventOf<"TaskRecovered">): void {
    if (isTerminal(status.state)) return;
    const at = this.#ended.findLastIndex(
      (open) => open.frameworkId === frameworkId && open.taskId === taskId,
    );
    const [open] = at < 0 ? [] : this.#ended.splice(at, 1);
    if (open === undefined) return;
    open.endedAt = null;
    this.#open.set(keyOf(frameworkId, taskId), open);
  }
}

function demandOf({ resources, executor }: TaskLaunched): Resources {
  const starts = executor?.starts?.resources ?? [];
  return add(
    resources.filter(({ value }) => value.kind === "scalar"),
    starts.filter(({ value }) => value.kind === "scalar"),
  );
}

export function keyOf(frameworkId: FrameworkId, other: string): string {
  return JSON.stringify([frameworkId, other]);
}
