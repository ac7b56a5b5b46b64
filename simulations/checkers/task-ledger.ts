// What really happened to each task: what was asked for, what the log says, what ran, what its framework was told. The
// checkers of invariants 2 and 5 read it; it checks nothing by itself.
import type { TaskStatus } from "../../src/contract/types.ts";
import type { HistoryEntry } from "../../src/master/types.ts";
import type { Event } from "../../src/state/events.ts";
import type { TaskStatus as LoggedStatus } from "../../src/state/model.ts";
import { isTerminal } from "../../src/state/statuses.ts";
import type { SimContainer } from "../sim-runtime.ts";

export interface TaskFacts {
  readonly frameworkId: string;
  readonly taskId: string;
  /** Index of the entry with its launch. */
  launchedAt: number | null;
  refused: boolean;
  /** By its framework, or because its agent is to be drained. */
  killAsked: boolean;
  /** Its ACCEPT was sent more than once, so that the framework may be told that its offers are invalid. */
  repeated: boolean;
  readonly containers: SimContainer[];
  lostPower: boolean;
  /** The master has said that it is over, which is told once only (trap 1): reconciliation tells it later. */
  endedByMaster: boolean;
  /** State by uuid, of the agent's updates in the log. */
  readonly updates: Map<string, string>;
  /** Uuids that the framework has received. */
  readonly received: Set<string>;
  /** The state in which the framework knows it to have ended. */
  ended: { readonly state: string; readonly uuid: string | null } | null;
}

export class TaskLedger {
  readonly tasks = new Map<string, TaskFacts>();
  readonly removedFrameworks = new Set<string>();
  readonly tornDown = new Set<string>();
  readonly #launchedOn = new Map<string, TaskFacts[]>();

  of(frameworkId: string, taskId: string): TaskFacts {
    const key = `${frameworkId} ${taskId}`;
    const known = this.tasks.get(key);
    if (known !== undefined) return known;
    const fresh = newFacts(frameworkId, taskId);
    this.tasks.set(key, fresh);
    return fresh;
  }

  committed({ index, events }: HistoryEntry): void {
    for (const event of events) this.#take(index, event);
  }

  isRemoved(frameworkId: string): boolean {
    return this.removedFrameworks.has(frameworkId);
  }

  #launched(agentId: string, facts: TaskFacts, index: number): void {
    facts.launchedAt ??= index;
    const others = this.#launchedOn.get(agentId);
    if (others === undefined) this.#launchedOn.set(agentId, [facts]);
    else others.push(facts);
  }

  #take(index: number, event: Event): void {
    switch (event.kind) {
      case "TaskLaunched":
        this.#launched(event.agentId, this.of(event.frameworkId, event.taskId), index);
        return;
      case "AgentDrainStarted":
        for (const facts of this.#launchedOn.get(event.agentId) ?? []) facts.killAsked = true;
        return;
      case "TaskRefused":
        this.of(event.frameworkId, event.taskId).refused = true;
        return;
      case "TaskStatusUpdated":
        updated(this.of(event.frameworkId, event.taskId), event.status);
        return;
      case "TaskRecovered":
        recovered(this.of(event.frameworkId, event.taskId), event.status);
        return;
      case "FrameworkRemoved":
        this.removedFrameworks.add(event.frameworkId);
        return;
      default:
        return;
    }
  }
}

function updated(facts: TaskFacts, { uuid, state }: LoggedStatus): void {
  if (uuid !== null) facts.updates.set(uuid, state);
  else if (isTerminal(state)) facts.endedByMaster = true;
}

/** An agent came back without it: the master says that it is over. Of one that it brings, the agent says so itself. */
function recovered(facts: TaskFacts, { state }: LoggedStatus): void {
  if (ENDED_WITHOUT_AGENT.has(state)) facts.endedByMaster = true;
}

const ENDED_WITHOUT_AGENT: ReadonlySet<string> = new Set(["TASK_LOST", "TASK_GONE", "TASK_DROPPED"]);

function newFacts(frameworkId: string, taskId: string): TaskFacts {
  return {
    frameworkId,
    taskId,
    launchedAt: null,
    refused: false,
    killAsked: false,
    repeated: false,
    containers: [],
    lostPower: false,
    endedByMaster: false,
    updates: new Map(),
    received: new Set(),
    ended: null,
  };
}

export function hexOf(bytes: Uint8Array | undefined): string | null {
  return bytes === undefined ? null : Buffer.from(bytes).toString("hex");
}

/** Short enough to be a fact of a failure. */
export function describeStatus(status: TaskStatus): Readonly<Record<string, unknown>> {
  const { state, reason, message, source } = status;
  return { taskId: status.task_id.value, state, reason, message, source, uuid: hexOf(status.uuid) };
}
