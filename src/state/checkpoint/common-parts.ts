// A million tasks have few roles, states, agents and sets of resources between them. In a snapshot each task has its own
// copies; in memory equal ones are one, which is half of the memory and less than half of the objects that the garbage
// collector walks.
import { equal, type Resources } from "../../allocator/resources.ts";
import type { RoleName } from "../../kernel/ids.ts";
import { ownText } from "../../kernel/own-text.ts";
import type { ClusterState, Framework, Task, TaskStateName, TaskStatus } from "../model.ts";
import { shareUuid } from "../own-bytes.ts";

/** Equal resources are looked for among so many that came last. */
const RESOURCES_COMPARED_MAX = 16;

type Changeable<Value> = { -readonly [Name in keyof Value]: Value[Name] };

export class CommonParts {
  readonly #texts = new Map<string, string>();
  /** Those that were met last come first. */
  readonly #resources: Resources[] = [];

  /** Changes a task that has been read and nobody has seen; what it says stays the same. */
  addTo(task: Task, { agents }: ClusterState, framework: Framework): void {
    const own: Changeable<Task> = task;
    own.id = ownText(task.id);
    own.frameworkId = framework.id;
    if (task.executorId !== null) own.executorId = ownText(task.executorId);
    own.agentId = agents.get(task.agentId)?.id ?? ownText(task.agentId);
    own.role = this.#text<RoleName>(task.role);
    own.resources = this.#equalResources(task.resources);
    own.state = this.#text<TaskStateName>(task.state);
    for (const status of task.statuses) this.#addToStatus(status);
    if (task.unacknowledged !== null) this.#addToStatus(task.unacknowledged);
    shareUuid(task);
  }

  #addToStatus(status: TaskStatus): void {
    const own: Changeable<TaskStatus> = status;
    own.state = this.#text<TaskStateName>(status.state);
    if (status.uuid !== null) own.uuid = ownText(status.uuid);
  }

  #text<Text extends string>(text: Text): Text {
    const known = this.#texts.get(text);
    if (known !== undefined) return known as Text;
    const own = ownText(text);
    this.#texts.set(own, own);
    return own;
  }

  #equalResources(resources: Resources): Resources {
    const known = this.#resources;
    const at = known.findIndex((each) => equal(each, resources));
    const met = known[at] ?? resources;
    if (at === 0) return met;
    known.splice(at < 0 ? RESOURCES_COMPARED_MAX - 1 : at, 1);
    known.unshift(met);
    return met;
  }
}
