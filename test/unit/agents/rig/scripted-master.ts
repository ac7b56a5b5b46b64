// A master that does what a test says, behind an in-memory network with one millisecond of delay each way.
import { unpack } from "msgpackr";
import { packFrame } from "../../../../src/agents/frames.ts";
import type { FromAgent, RegisterAgent, ToAgent } from "../../../../src/contract/agent-protocol.ts";
import { decodeStatus } from "../../../../src/contract/encoded-status.ts";
import { decodeReports, isReportsFrame } from "../../../../src/contract/status-reports.ts";
import type { TaskStatus } from "../../../../src/contract/types.ts";
import type { ConnectionHandler, Network } from "../../../../src/kernel/ports.ts";
import type { VirtualClock } from "./virtual-clock.ts";

const DELAY_MS = 1;

/** As the agent meant it. */
function unpackFromAgent(bytes: Uint8Array): FromAgent {
  if (!isReportsFrame(bytes)) return unpack(bytes) as FromAgent;
  const reports = (decodeReports(bytes) ?? []).map(({ frameworkId, latestState, status }) => {
    const decoded = decodeStatus(status);
    if (!decoded.ok) throw new Error(decoded.error);
    return { frameworkId, latestState, status: decoded.value };
  });
  const [first] = reports;
  return first !== undefined && reports.length === 1
    ? { kind: "status", ...first }
    : { kind: "statuses", statuses: reports };
}

export type StatusFrame = Extract<FromAgent, { kind: "status" }>;

export class ScriptedMaster {
  readonly clock: VirtualClock;
  /** What came, in order, over all connections. */
  readonly frames: FromAgent[] = [];
  /** Dialed addresses with their times. */
  readonly dials: { readonly address: string; readonly atMs: number }[] = [];
  agentId = "cluster-S0";
  silenceMsMax = 1_000_000_000;
  /** What is done with a register frame; by default the agent is taken on. */
  onRegister: (frame: RegisterAgent, reply: (frame: ToAgent) => void) => void = (_frame, reply) =>
    reply({ kind: "registered", agentId: this.agentId, silenceMsMax: this.silenceMsMax });
  /** Updates are acknowledged as they come. */
  acknowledges = true;
  /** Dials fail. */
  down = false;
  onStatus: (frame: StatusFrame) => void = () => undefined;
  #send: ((frame: ToAgent) => void) | null = null;
  #break: ((reason: string) => void) | null = null;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  network(isAlive: () => boolean): Pick<Network, "dial"> {
    return { dial: (address, handler) => this.#accept(address, handler, isAlive) };
  }

  send(frame: ToAgent): void {
    this.#send?.(frame);
  }

  breakConnection(): void {
    this.#break?.("broken by the test");
  }

  statuses(taskId?: string): readonly TaskStatus[] {
    const all = this.frames.filter((frame) => frame.kind === "status").map(({ status }) => status);
    return taskId === undefined ? all : all.filter((status) => status.task_id.value === taskId);
  }

  /** States in the order of their first arrival. */
  states(taskId: string): readonly string[] {
    const seen = new Map(this.statuses(taskId).map((status) => [String(status.uuid), status.state]));
    return [...seen.values()];
  }

  acknowledge(status: TaskStatus, frameworkId: string): void {
    const uuid = status.uuid ?? new Uint8Array(0);
    this.send({ kind: "acknowledge", frameworkId, taskId: status.task_id.value, uuid });
  }

  #accept(address: string, handler: ConnectionHandler, isAlive: () => boolean) {
    this.dials.push({ address, atMs: this.clock.monotonicMs() });
    let open = true;
    const later = (action: () => void) =>
      this.clock.after(DELAY_MS, () => {
        if (open && isAlive()) action();
      });
    const reply = (frame: ToAgent) => {
      const packed = packFrame(frame);
      if (packed.ok) later(() => handler.onFrame(packed.value));
    };
    const close = (reason: string) =>
      later(() => {
        open = false;
        handler.onClose(reason);
      });
    if (this.down) close("refused");
    else {
      this.#send = reply;
      this.#break = close;
    }
    return {
      send: (bytes: Uint8Array) => {
        const frame = unpackFromAgent(bytes.slice());
        if (!this.down) later(() => this.#take(frame, reply));
      },
      bufferedBytes: () => 0,
      close: () => {
        open = false;
      },
    };
  }

  #take(frame: FromAgent, reply: (frame: ToAgent) => void): void {
    this.frames.push(frame);
    if (frame.kind === "register") this.onRegister(frame, reply);
    if (frame.kind === "unregister") this.breakConnection();
    if (frame.kind !== "status") return;
    this.onStatus(frame);
    if (this.acknowledges) this.acknowledge(frame.status, frame.frameworkId);
  }
}
