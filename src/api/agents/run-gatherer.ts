// Tasks that an agent is to run, gathered over a turn: those of one framework and role in one frame.
import { RUN_TASKS_BYTES_MAX, type ToAgent } from "../../contract/agent-protocol.ts";
import type { EncodedMessage } from "../../kernel/encoded.ts";
import { agentMessage, frameworkInfo, type RunMessage } from "./messages.ts";

export class RunGatherer {
  private readonly tasksMax: number;
  private readonly send: (frame: ToAgent) => void;
  private first: RunMessage | null = null;
  private tasks: EncodedMessage[] = [];
  private bytes = 0;

  /**
   * @param tasksMax that the agent takes in one frame; 0 if it takes one at a time
   * @param send whatever else is sent must wait for `release`
   */
  constructor(tasksMax: number, send: (frame: ToAgent) => void) {
    this.tasksMax = tasksMax;
    this.send = send;
  }

  add(message: RunMessage): void {
    const { task } = message;
    if (typeof task !== "string" || this.tasksMax < 2 || task.length > RUN_TASKS_BYTES_MAX) {
      this.release();
      this.send(agentMessage(message));
      return;
    }
    if (!this.takes(message, task)) this.release();
    if (this.first === null) {
      this.first = message;
      void Promise.resolve().then(() => this.release());
    }
    this.tasks.push(task);
    this.bytes += task.length;
  }

  /** Sends what has been gathered. */
  release(): void {
    const { first, tasks } = this;
    if (first === null) return;
    this.first = null;
    this.tasks = [];
    this.bytes = 0;
    this.send({ kind: "run-tasks", framework: frameworkInfo(first), role: first.role, tasks });
  }

  private takes({ frameworkId, framework, role }: RunMessage, task: EncodedMessage): boolean {
    const { first } = this;
    if (first === null) return true;
    return (
      first.frameworkId === frameworkId &&
      first.framework === framework &&
      first.role === role &&
      this.tasks.length < this.tasksMax &&
      this.bytes + task.length <= RUN_TASKS_BYTES_MAX
    );
  }
}
