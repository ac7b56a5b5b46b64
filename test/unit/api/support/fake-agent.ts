// An agent that speaks the protocol over a real HTTP upgrade and does nothing by itself but answer pings.
import { unpack } from "msgpackr";
import { packFrame } from "../../../../src/agents/frames.ts";
import type { FromAgent, RegisterAgent, ToAgent } from "../../../../src/contract/agent-protocol.ts";
import { PROTOCOL_VERSION } from "../../../../src/contract/agent-protocol.ts";
import type { AgentInfo, TaskState, TaskStatusReason } from "../../../../src/contract/types.ts";
import { createUpgradeDialer } from "../../../../src/host/upgrade-network.ts";
import type { Connection } from "../../../../src/kernel/ports.ts";

export const AGENT_INFO: AgentInfo = {
  hostname: "127.0.0.1",
  port: 5051,
  resources: [
    { name: "cpus", type: "SCALAR", scalar: { value: 2 } },
    { name: "mem", type: "SCALAR", scalar: { value: 4096 } },
    { name: "disk", type: "SCALAR", scalar: { value: 8192 } },
    { name: "ports", type: "RANGES", ranges: { range: [{ begin: 31000, end: 32000 }] } },
  ],
  attributes: [
    { name: "rack", type: "TEXT", text: { value: "r1" } },
    { name: "zone", type: "TEXT", text: { value: "z1" } },
  ],
};

export class FakeAgent {
  readonly frames: ToAgent[] = [];
  closedFor: string | null = null;
  answersPings = true;
  onFrame: (frame: ToAgent) => void = () => undefined;
  private readonly connection: Connection;
  private waiters: (() => void)[] = [];
  private taken = 0;

  constructor(port: number) {
    this.connection = createUpgradeDialer().dial(`127.0.0.1:${port}`, {
      onFrame: (bytes) => this.receive(unpack(bytes) as ToAgent),
      onClose: (reason) => {
        this.closedFor = reason;
        this.wake();
      },
    });
  }

  send(frame: FromAgent): void {
    const packed = packFrame(frame);
    if (!packed.ok) throw new Error(packed.error);
    this.connection.send(packed.value);
  }

  sendBytes(bytes: Uint8Array): void {
    this.connection.send(bytes);
  }

  register(
    agentId?: string,
    info: AgentInfo = AGENT_INFO,
    more: Pick<RegisterAgent, "takesVolumes"> = {},
  ): void {
    this.send({
      kind: "register",
      protocolVersion: PROTOCOL_VERSION,
      ...(agentId === undefined ? {} : { agentId }),
      info,
      version: "0.1.0",
      drains: true,
      tasks: [],
      executors: [],
      ...more,
    });
  }

  status(
    frameworkId: string,
    taskId: string,
    agentId: string,
    state: TaskState,
    uuid: Uint8Array,
    message?: string,
    reason?: TaskStatusReason,
  ): void {
    this.send({
      kind: "status",
      frameworkId,
      latestState: state,
      status: {
        task_id: { value: taskId },
        state,
        source: "SOURCE_EXECUTOR",
        agent_id: { value: agentId },
        executor_id: { value: taskId },
        timestamp: 1_700_000_000.25,
        uuid,
        ...(message === undefined ? {} : { message }),
        ...(reason === undefined ? {} : { reason }),
        container_status: {
          container_id: { value: "c1" },
          network_infos: [{ ip_addresses: [{ protocol: "IPv4", ip_address: "127.0.0.1" }] }],
          executor_pid: 7,
        },
      },
    });
  }

  async next(): Promise<ToAgent> {
    while (this.taken >= this.frames.length && this.closedFor === null) {
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
    const frame = this.frames[this.taken++];
    if (frame === undefined) throw new Error(`the connection was closed: ${this.closedFor}`);
    return frame;
  }

  async nextOf<Kind extends ToAgent["kind"]>(kind: Kind): Promise<Extract<ToAgent, { kind: Kind }>> {
    for (;;) {
      const frame = await this.next();
      if (frame.kind === kind) return frame as Extract<ToAgent, { kind: Kind }>;
    }
  }

  async untilClosed(): Promise<string> {
    while (this.closedFor === null) await new Promise<void>((resolve) => this.waiters.push(resolve));
    return this.closedFor;
  }

  close(): void {
    this.connection.close();
  }

  private receive(frame: ToAgent): void {
    if (frame.kind === "ping" && this.answersPings) this.send({ kind: "pong" });
    this.frames.push(frame);
    this.onFrame(frame);
    this.wake();
  }

  private wake(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) waiter();
  }
}
