// A target for the recorded exchanges within this process: the api, a LocalMaster, and an agent that plays the tasks of
// the recordings.

import { createApi } from "../../../../src/api/index.ts";
import type { ToAgent } from "../../../../src/contract/agent-protocol.ts";
import type { CommandInfo, TaskState, TaskStatusReason } from "../../../../src/contract/types.ts";
import { silentTracer } from "../../../../src/kernel/ports.ts";
import { seededRandom, uuidFrom } from "../../../../src/kernel/random.ts";
import { registeredAgent, type Target } from "../../../conformance/recorded/target.ts";
import { FakeAgent } from "./fake-agent.ts";
import { LocalMaster } from "./local-master.ts";
import { ManualClock } from "./manual-clock.ts";

/** Milliseconds between two steps of its clock, and how much faster than the real one it runs. */
const TICK_MS = 10;
const HASTE = 10;

export async function startLocalTarget(): Promise<Target> {
  const clock = new ManualClock();
  const master = new LocalMaster(clock);
  const random = seededRandom("target");
  const api = createApi({
    master,
    clock,
    random,
    tracer: silentTracer,
    advertised: { id: uuidFrom(random), host: "127.0.0.1", port: 0, version: "0.1.0" },
    memberApiAddress: () => null,
    flags: { port: "5050" },
  });
  master.attach(api);
  const { port } = await api.listen("127.0.0.1", 0);
  await master.start();
  let agent = new PlayedAgent(port);
  const running = setInterval(() => {
    clock.advance(TICK_MS * HASTE);
    master.expire();
    master.allocate();
  }, TICK_MS);
  return {
    port,
    agentId: () => registeredAgent(port),
    async unregisterAgent() {
      agent.leave();
      await agent.untilClosed();
    },
    async startAgent() {
      agent = new PlayedAgent(port);
      await registeredAgent(port);
    },
    async stop() {
      clearInterval(running);
      agent.close();
      await api.close();
    },
  };
}

interface Update {
  readonly state: TaskState;
  readonly message?: string;
  readonly reason?: TaskStatusReason;
}

const KILLED: Update = { state: "TASK_KILLED", message: "Command terminated with signal Terminated" };

/** Runs no task, but says what an agent that did would say, one update after the other. */
class PlayedAgent extends FakeAgent {
  private readonly random = seededRandom("played");
  private readonly pending = new Map<string, Update[]>();
  private readonly frameworks = new Map<string, string>();
  private ownId = "";

  constructor(port: number) {
    super(port);
    this.register();
    this.onFrame = (frame) => this.play(frame);
  }

  /** Kills what runs, says so, and unregisters. */
  leave(): void {
    for (const taskId of this.frameworks.keys()) {
      this.pending.set(taskId, [KILLED]);
      this.report(taskId);
    }
    this.send({ kind: "unregister" });
  }

  private play(frame: ToAgent): void {
    if (frame.kind === "registered") this.ownId = frame.agentId;
    if (frame.kind === "run") {
      const taskId = frame.task.task_id.value;
      this.frameworks.set(taskId, frame.framework.id?.value ?? "");
      this.pending.set(taskId, updatesOf(frame.task.command));
      this.report(taskId);
    }
    if (frame.kind === "kill") {
      this.pending.set(frame.taskId, [{ state: "TASK_KILLING" }, KILLED]);
      this.report(frame.taskId);
    }
    if (frame.kind === "drain" && frame.order !== null) this.drain();
    if (frame.kind === "acknowledge") this.report(frame.taskId);
    if (frame.kind === "shutdown-framework") {
      for (const [taskId, frameworkId] of this.frameworks) {
        if (frameworkId === frame.frameworkId) this.frameworks.delete(taskId);
      }
    }
  }

  private drain(): void {
    const reason = "REASON_AGENT_DRAINING";
    for (const taskId of this.frameworks.keys()) {
      this.pending.set(taskId, [
        { state: "TASK_KILLING", reason },
        { ...KILLED, reason },
      ]);
      this.report(taskId);
    }
  }

  private report(taskId: string): void {
    const next = this.pending.get(taskId)?.shift();
    if (next === undefined) return;
    const uuid = Uint8Array.from(Buffer.from(uuidFrom(this.random).replaceAll("-", ""), "hex"));
    const { state, message, reason } = next;
    this.status(this.frameworks.get(taskId) ?? "", taskId, this.ownId, state, uuid, message, reason);
  }
}

function updatesOf(command: CommandInfo | undefined): Update[] {
  const text = command?.value ?? "";
  if (text.startsWith("/no/such")) return [{ state: "TASK_FAILED", message: "No such file or directory" }];
  const running: Update[] = [{ state: "TASK_STARTING" }, { state: "TASK_RUNNING" }];
  if (text.startsWith("while true")) return running;
  const exit = /exit (\d+)/.exec(text)?.[1] ?? "0";
  const state = exit === "0" ? "TASK_FINISHED" : "TASK_FAILED";
  return [...running, { state, message: `Command exited with status ${exit}` }];
}
