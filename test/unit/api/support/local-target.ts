// A target for the recorded exchanges within this process: the api, a LocalMaster, and an agent that plays the tasks of
// the recordings.

import { createApi } from "../../../../src/api/index.ts";
import type { ToAgent } from "../../../../src/contract/agent-protocol.ts";
import type { CommandInfo, TaskState } from "../../../../src/contract/types.ts";
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
  let agent = playedAgent(port);
  const running = setInterval(() => {
    clock.advance(TICK_MS * HASTE);
    master.expire();
    master.allocate();
  }, TICK_MS);
  return {
    port,
    agentId: () => registeredAgent(port),
    async unregisterAgent() {
      agent.send({ kind: "unregister" });
      await agent.untilClosed();
    },
    async startAgent() {
      agent = playedAgent(port);
      await registeredAgent(port);
    },
    async stop() {
      clearInterval(running);
      agent.close();
      await api.close();
    },
  };
}

/** Runs no task, but says what an agent that did would say, one update after the other. */
function playedAgent(port: number): FakeAgent {
  const agent = new FakeAgent(port);
  const random = seededRandom("played");
  const pending = new Map<string, { state: TaskState; message?: string }[]>();
  let agentId = "";
  agent.register();
  agent.onFrame = (frame: ToAgent) => {
    if (frame.kind === "registered") agentId = frame.agentId;
    if (frame.kind === "run") {
      const taskId = frame.task.task_id.value;
      pending.set(taskId, updatesOf(frame.task.command));
      report(frame.framework.id?.value ?? "", taskId);
    }
    if (frame.kind === "kill") {
      const message = "Command terminated with signal Terminated";
      pending.set(frame.taskId, [{ state: "TASK_KILLING" }, { state: "TASK_KILLED", message }]);
      report(frame.frameworkId, frame.taskId);
    }
    if (frame.kind === "acknowledge") report(frame.frameworkId, frame.taskId);
  };
  function report(frameworkId: string, taskId: string): void {
    const next = pending.get(taskId)?.shift();
    if (next === undefined) return;
    const uuid = Uint8Array.from(Buffer.from(uuidFrom(random).replaceAll("-", ""), "hex"));
    agent.status(frameworkId, taskId, agentId, next.state, uuid, next.message);
  }
  return agent;
}

function updatesOf(command: CommandInfo | undefined): { state: TaskState; message?: string }[] {
  const text = command?.value ?? "";
  if (text.startsWith("/no/such")) return [{ state: "TASK_FAILED", message: "No such file or directory" }];
  const running: { state: TaskState }[] = [{ state: "TASK_STARTING" }, { state: "TASK_RUNNING" }];
  if (text.startsWith("while true")) return running;
  const exit = /exit (\d+)/.exec(text)?.[1] ?? "0";
  const state = exit === "0" ? "TASK_FINISHED" : "TASK_FAILED";
  return [...running, { state, message: `Command exited with status ${exit}` }];
}
