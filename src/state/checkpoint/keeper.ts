// Keeps images of parts of the state that are about to change, by name. What is asked for twice is copied once; what
// the walk has read already is not copied.
import type { FrameworkId } from "../../kernel/ids.ts";
import type { Agent, ClusterState, Executor, Framework, Offer, Task } from "../model.ts";
import { AllocatorKeeper } from "./allocator-keeper.ts";
import { type Images, SECTIONS } from "./images.ts";
import {
  copyAgent,
  copyExecutor,
  copyFramework,
  copyTask,
  entriesOf,
  executorsOf,
  itemsOf,
  keyPairsOf,
  keysOf,
  valuesOf,
} from "./parts.ts";

export class Keeper {
  readonly state: ClusterState;
  readonly allocator: AllocatorKeeper;
  readonly #images: Images;

  constructor(state: ClusterState, images: Images) {
    this.state = state;
    this.#images = images;
    this.allocator = new AllocatorKeeper(state.allocator, images);
  }

  /** That frameworks come or go. */
  frameworks(): void {
    this.#images.keepList(SECTIONS.frameworks, this.state.frameworks, valuesOf);
    this.#images.keepList(SECTIONS.completed, this.state.completedFrameworks, valuesOf);
  }

  absentFrameworks(): void {
    this.#images.keepList(SECTIONS.lists, this.state.absentFrameworks, entriesOf);
  }

  absentAgents(): void {
    this.#images.keepList(SECTIONS.lists, this.state.absentAgents, entriesOf);
  }

  operations(): void {
    this.#images.keepList(SECTIONS.lists, this.state.operations, valuesOf);
  }

  weights(): void {
    this.#images.keepList(SECTIONS.lists, this.state.weights, entriesOf);
  }

  /** That agents come or go. */
  agents(): void {
    this.#images.keepList(SECTIONS.agents, this.state.agents, valuesOf);
    this.#images.keepList(SECTIONS.lists, this.state.goneAgents, entriesOf);
  }

  /** The framework without its Maps. */
  framework(framework: Framework): void {
    this.#images.keepObject(SECTIONS.frameworks, framework, copyFramework);
  }

  agent(agent: Agent): void {
    this.#images.keepObject(SECTIONS.agents, agent, copyAgent);
  }

  task(framework: Framework, task: Task): void {
    if (this.#images.isRead(SECTIONS.tasks, framework)) return;
    this.#images.keepObject(SECTIONS.tasks, task, copyTask);
  }

  /** That tasks are launched. */
  tasksOf(framework: Framework): void {
    if (this.#images.isRead(SECTIONS.tasks, framework)) return;
    this.#images.keepList(SECTIONS.tasks, framework.tasks, valuesOf);
  }

  unreachableTasksOf(framework: Framework): void {
    if (this.#images.isRead(SECTIONS.tasks, framework)) return;
    this.#images.keepList(SECTIONS.tasks, framework.unreachableTasks, valuesOf);
  }

  /** That the task comes to an end and holds nothing any more. */
  completed(framework: Framework, task: Task): void {
    this.released(task);
    this.tasksOf(framework);
    this.unreachableTasksOf(framework);
    const agent = this.state.agents.get(task.agentId);
    if (agent !== undefined) this.tasksOn(agent);
    if (this.#images.isRead(SECTIONS.tasks, framework)) return;
    this.#images.keepList(SECTIONS.tasks, framework.completedTasks, itemsOf);
    this.task(framework, task);
  }

  /** That the task no longer holds its resources, or holds them again. */
  released(task: Task): void {
    this.allocator.holding(task.frameworkId, task.role, task.agentId);
  }

  tasksOn(agent: Agent): void {
    this.#images.keepList(SECTIONS.agents, agent.tasks, keyPairsOf);
  }

  /** That the framework's executors on the agent come or go. */
  executors(framework: Framework, agent: Agent | undefined): void {
    if (agent !== undefined) this.#images.keepList(SECTIONS.agents, agent.executors, keyPairsOf);
    if (this.#images.isRead(SECTIONS.tasks, framework)) return;
    this.#images.keepList(SECTIONS.tasks, framework.executors, executorsOf);
  }

  /** That the executor holds its resources no more, or again. */
  executor(framework: Framework, executor: Executor): void {
    this.allocator.holding(framework.id, executor.role, executor.agentId);
    if (this.#images.isRead(SECTIONS.tasks, framework)) return;
    this.#images.keepObject(SECTIONS.tasks, executor, copyExecutor);
  }

  /** That the offer is made, or is no more. */
  offer({ frameworkId, agentId, role }: Offer): void {
    this.#images.keepList(SECTIONS.lists, this.state.offers, valuesOf);
    const framework = this.state.frameworks.get(frameworkId);
    if (framework !== undefined) this.#images.keepList(SECTIONS.frameworks, framework.offers, keysOf);
    const agent = this.state.agents.get(agentId);
    if (agent !== undefined) this.#images.keepList(SECTIONS.agents, agent.offers, keysOf);
    this.allocator.holding(frameworkId, role, agentId);
  }

  offersOf(frameworkId: FrameworkId): void {
    for (const offerId of this.state.frameworks.get(frameworkId)?.offers.keys() ?? []) {
      const offer = this.state.offers.get(offerId);
      if (offer !== undefined) this.offer(offer);
    }
  }
}
