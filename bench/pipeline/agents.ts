// Agents that run nothing: they register over the agents' connection, take what they are told, and send the statuses
// that the benchmark asks for.
import { Unpackr } from "msgpackr";
import { packFrame as packAgentFrame } from "../../src/agents/frames.ts";
import type { FromAgent, RunTask, ToAgent } from "../../src/contract/agent-protocol.ts";
import { PROTOCOL_VERSION, TASKS_PER_RUN_MAX } from "../../src/contract/agent-protocol.ts";
import { createUpgradeDialer } from "../../src/host/upgrade-network.ts";
import type { Connection } from "../../src/kernel/ports.ts";

/** Pings and answers to a registration are shorter; what a task is told is longer and of no interest here. */
const CONTROL_FRAME_BYTES_MAX = 160;
const CPUS = 1_000;
const MEM = 10_000_000;

const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });

export interface BenchAgent {
  readonly id: string;
  /** The bytes must stay as they are until the turn is over. */
  send(frame: Uint8Array): void;
  close(): void;
}

/**
 * Resolves when the leader has committed the registration; calls `onLost` if the connection ends by itself.
 * @param onRun told of each task that the agent is to run, with its id; what it returns is sent
 */
export function registerAgent(
  api: string,
  hostname: string,
  onLost: (reason: string) => void,
  onRun?: (run: RunTask, agentId: string) => FromAgent,
): Promise<BenchAgent> {
  return new Promise((resolve, reject) => {
    let closing = false;
    let id = "";
    const connection: Connection = createUpgradeDialer().dial(api, {
      onOpen: () => connection.send(packFrame(registration(hostname))),
      onFrame(bytes) {
        if (bytes.length > CONTROL_FRAME_BYTES_MAX && onRun === undefined) return;
        const frame = unpackr.unpack(bytes) as ToAgent;
        if (frame.kind === "ping") connection.send(packFrame({ kind: "pong" }));
        if (frame.kind === "redirect") reject(new Error("the leader has changed"));
        if (frame.kind === "run" && onRun !== undefined) connection.send(packFrame(onRun(frame, id)));
        if (frame.kind !== "registered") return;
        id = frame.agentId;
        resolve({
          id: frame.agentId,
          send: (status) => connection.send(status),
          close() {
            closing = true;
            connection.close();
          },
        });
      },
      onClose(reason) {
        if (!closing) onLost(reason);
        reject(new Error(reason));
      },
    });
  });
}

export function packFrame(frame: FromAgent): Uint8Array {
  const packed = packAgentFrame(frame);
  if (!packed.ok) throw new Error(packed.error);
  return packed.value;
}

function registration(hostname: string): FromAgent {
  const scalar = (name: string, value: number) => ({ name, type: "SCALAR" as const, scalar: { value } });
  return {
    kind: "register",
    protocolVersion: PROTOCOL_VERSION,
    info: { hostname, resources: [scalar("cpus", CPUS), scalar("mem", MEM)] },
    version: "bench",
    tasksPerRunMax: TASKS_PER_RUN_MAX,
    tasks: [],
    executors: [],
  };
}
