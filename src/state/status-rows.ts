// Statuses of agents in a log entry. They are most of what a busy cluster writes, and each is bytes that nobody on the way
// reads, so they are not packed as events are: the few fields that are read stand as one flat list of rows for the whole
// entry, ids of frameworks and agents once each, and the bytes follow behind what is packed, where a reader takes views of
// them.
import { assert } from "../kernel/assert.ts";
import type { AgentId, FrameworkId, Millis, TaskId } from "../kernel/ids.ts";
import type { Event, TaskStatusUpdated } from "./events.ts";
import type { TaskStateName, TaskStatus } from "./model.ts";

/** The statuses of an entry, taken out of its events. */
export interface StatusRows {
  /** The events; a number stands for so many statuses in a row. */
  readonly items: readonly unknown[];
  /** Ids of frameworks and agents. */
  readonly names: readonly string[];
  /** COLUMNS values for each status. */
  readonly cells: readonly unknown[];
  /** Of each status its bytes and its data. */
  readonly bodies: readonly Uint8Array[];
}

/** framework, task, agent, state, latest state, uuid, milliseconds after the entry's time, lengths of bytes and data. */
const COLUMNS = 9;
/** In the place of a length. */
const NO_DATA = -1;

/** A state's place in the list is its number in the log. */
const STATES: readonly TaskStateName[] = [
  "TASK_STAGING",
  "TASK_STARTING",
  "TASK_RUNNING",
  "TASK_KILLING",
  "TASK_FINISHED",
  "TASK_FAILED",
  "TASK_KILLED",
  "TASK_ERROR",
  "TASK_LOST",
  "TASK_DROPPED",
  "TASK_UNREACHABLE",
  "TASK_GONE",
  "TASK_GONE_BY_OPERATOR",
  "TASK_UNKNOWN",
];
const numbers: ReadonlyMap<TaskStateName, number> = new Map(STATES.map((state, number) => [state, number]));

interface EncodedUpdate extends TaskStatusUpdated {
  readonly status: TaskStatus & { readonly wire: Uint8Array };
}

/** Whether the event is the status of an agent, in bytes. */
export function isEncodedUpdate(event: Event): event is EncodedUpdate {
  return event.kind === "TaskStatusUpdated" && event.status.wire instanceof Uint8Array;
}

function isRow(item: object): item is EncodedUpdate {
  return "kind" in item && isEncodedUpdate(item as Event);
}

/**
 * @param events as they would be packed. Null if none is such a status
 * @param time the entry's
 */
export function rowsOf(events: readonly object[], time: Millis): StatusRows | null {
  if (!events.some(isRow)) return null;
  const items: unknown[] = [];
  const names = new Names();
  const cells: unknown[] = [];
  const bodies: Uint8Array[] = [];
  for (const event of events) {
    if (!isRow(event)) {
      items.push(event);
      continue;
    }
    const last = items.at(-1);
    if (typeof last === "number") items[items.length - 1] = last + 1;
    else items.push(1);
    addRow(event, time, names, cells, bodies);
  }
  return { items, names: names.list, cells, bodies };
}

class Names {
  readonly list: string[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#numbers.set(name, this.list.length);
    return this.list.push(name) - 1;
  }
}

function addRow(
  { frameworkId, taskId, agentId, status, latestState }: EncodedUpdate,
  time: Millis,
  names: Names,
  cells: unknown[],
  bodies: Uint8Array[],
): void {
  const { state, uuid, at, wire, data } = status;
  assert(Number.isSafeInteger(at - time), "a status that is logged has a time that can be read again", {
    at,
  });
  cells.push(
    names.numberOf(frameworkId),
    taskId,
    names.numberOf(agentId),
    numbers.get(state),
    numbers.get(latestState),
    uuid,
    at - time,
    wire.length,
    data === undefined ? NO_DATA : data.length,
  );
  bodies.push(wire);
  if (data !== undefined) bodies.push(data);
}

/**
 * The events of rows that were read from a log; null if they are none. What was packed is `unknown`, for the bytes may be
 * damaged in a way that no checksum has found.
 * @param bytes those of all statuses, of which views are taken
 */
export function eventsOfRows(
  [items, names, cells]: readonly unknown[],
  bytes: Uint8Array,
  time: Millis,
): readonly unknown[] | null {
  if (!Array.isArray(items) || !Array.isArray(names) || !Array.isArray(cells)) return null;
  const reader = new RowReader(names, cells, bytes, time);
  const events: unknown[] = [];
  for (const item of items as readonly unknown[]) {
    if (typeof item !== "number") events.push(item);
    else if (!reader.read(item, events)) return null;
  }
  return reader.isDone() ? events : null;
}

class RowReader {
  readonly #names: readonly unknown[];
  readonly #cells: readonly unknown[];
  readonly #bytes: Uint8Array;
  readonly #time: number;
  #cell = 0;
  #at = 0;

  constructor(names: readonly unknown[], cells: readonly unknown[], bytes: Uint8Array, time: number) {
    this.#names = names;
    this.#cells = cells;
    this.#bytes = bytes;
    this.#time = time;
  }

  /** @returns whether there were so many rows, all well formed */
  read(count: number, events: unknown[]): boolean {
    if (count * COLUMNS > this.#cells.length - this.#cell) return false;
    for (let i = 0; i < count; i++) {
      const event = this.#event();
      if (event === null) return false;
      events.push(event);
    }
    return true;
  }

  isDone(): boolean {
    return this.#cell === this.#cells.length && this.#at === this.#bytes.length;
  }

  #event(): TaskStatusUpdated | null {
    const cells = this.#cells;
    const first = this.#cell;
    this.#cell += COLUMNS;
    const frameworkId = this.#names[cells[first] as number];
    const taskId = cells[first + 1];
    const agentId = this.#names[cells[first + 2] as number];
    const latestState = STATES[cells[first + 4] as number];
    const status = this.#status(first);
    if (typeof frameworkId !== "string" || typeof taskId !== "string" || typeof agentId !== "string")
      return null;
    if (latestState === undefined || status === null) return null;
    return {
      kind: "TaskStatusUpdated",
      frameworkId: frameworkId as FrameworkId,
      taskId: taskId as TaskId,
      agentId: agentId as AgentId,
      status,
      latestState,
    };
  }

  #status(first: number): TaskStatus | null {
    const cells = this.#cells;
    const state = STATES[cells[first + 3] as number];
    const uuid = cells[first + 5];
    const after = cells[first + 6];
    const wire = this.#take(cells[first + 7]);
    const dataLength = cells[first + 8];
    if (state === undefined || (uuid !== null && typeof uuid !== "string") || wire === null) return null;
    if (!Number.isSafeInteger(after)) return null;
    const at = (this.#time + (after as number)) as Millis;
    if (dataLength === NO_DATA) return { state, uuid, at, wire };
    const data = this.#take(dataLength);
    return data === null ? null : { state, uuid, at, wire, data };
  }

  #take(length: unknown): Uint8Array | null {
    const start = this.#at;
    if (!Number.isSafeInteger(length)) return null;
    const end = start + (length as number);
    if (end < start || end > this.#bytes.length) return null;
    this.#at = end;
    return this.#bytes.subarray(start, end);
  }
}
