// How tasks launched together stand in the log: framework, agent and role once for all of them, equal resources once, and
// of each task its id and its encoded TaskInfo. In memory they are events like any other.
import { equal, type Resources } from "../allocator/resources.ts";
import type { EncodedMessage } from "../kernel/encoded.ts";
import type { AgentId, FrameworkId, RoleName, TaskId } from "../kernel/ids.ts";
import type { Event, TaskLaunched } from "./events.ts";

/** Stands for as many TaskLaunched. */
interface Launches {
  readonly kind: "Launches";
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
  readonly role: RoleName;
  /** Different ones only. */
  readonly resources: readonly Resources[];
  /** Of each task in turn: its id, its encoded TaskInfo, and which resources it has. */
  readonly tasks: readonly (string | number)[];
}

const PARTS_OF_TASK = 3;
/** Equal resources are looked for among so many, newest first. */
const RESOURCES_COMPARED_MAX = 4;

/** The same events in the same order, with runs of launches as one item each. */
export function launchesTogether(events: readonly Event[]): readonly (Event | Launches)[] {
  if (!events.some(isCompact)) return events;
  const items: (Event | Launches)[] = [];
  for (let at = 0; at < events.length; ) {
    const event = events[at] as Event;
    let end = at + 1;
    if (isCompact(event)) while (goesWith(event, events[end])) end++;
    items.push(isCompact(event) ? together(event, events.slice(at, end) as CompactLaunch[]) : event);
    at = end;
  }
  return items;
}

export function isLaunches(item: unknown): item is { readonly kind: "Launches" } {
  return typeof item === "object" && item !== null && "kind" in item && item.kind === "Launches";
}

/** The events that the item stands for; null if it is damaged. */
export function separateLaunches(item: object): readonly TaskLaunched[] | null {
  const { frameworkId, agentId, role, resources, tasks } = item as Launches;
  if (!Array.isArray(resources) || !Array.isArray(tasks) || tasks.length % PARTS_OF_TASK !== 0) return null;
  const events: TaskLaunched[] = [];
  for (let at = 0; at < tasks.length; at += PARTS_OF_TASK) {
    const [taskId, wire, which] = [
      tasks[at] as TaskId,
      tasks[at + 1] as EncodedMessage,
      tasks[at + 2] as number,
    ];
    const used = resources[which] as Resources | undefined;
    if (typeof taskId !== "string" || typeof wire !== "string" || !Array.isArray(used)) return null;
    events.push({
      kind: "TaskLaunched",
      frameworkId,
      taskId,
      agentId,
      role,
      resources: used,
      wire,
      executor: null,
    });
  }
  return events;
}

type CompactLaunch = TaskLaunched & { readonly wire: EncodedMessage; readonly executor: null };

function isCompact(event: Event): event is CompactLaunch {
  return event.kind === "TaskLaunched" && event.executor === null && typeof event.wire === "string";
}

function goesWith(first: TaskLaunched, next: Event | undefined): boolean {
  return (
    next !== undefined &&
    isCompact(next) &&
    next.agentId === first.agentId &&
    next.frameworkId === first.frameworkId &&
    next.role === first.role
  );
}

function together(
  { frameworkId, agentId, role }: CompactLaunch,
  launches: readonly CompactLaunch[],
): Launches {
  const resources: Resources[] = [];
  const tasks: (string | number)[] = [];
  for (const { taskId, wire, resources: used } of launches) tasks.push(taskId, wire, place(resources, used));
  return { kind: "Launches", frameworkId, agentId, role, resources, tasks };
}

/** Where in the list the resources are; they are appended if they are not among the last ones. */
function place(list: Resources[], used: Resources): number {
  const oldest = Math.max(0, list.length - RESOURCES_COMPARED_MAX);
  for (let at = list.length - 1; at >= oldest; at--) {
    if (equal(list[at] as Resources, used)) return at;
  }
  return list.push(used) - 1;
}
