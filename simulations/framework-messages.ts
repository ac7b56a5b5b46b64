// What a simulated framework says and hears, as bytes and as data.
import { decodeJson, decodeProtobuf, encodeJson, encodeProtobuf } from "../src/contract/codec.ts";
import { messageTypes } from "../src/contract/message-types.ts";
import type { KillPolicy, Offer, SchedulerCall, SchedulerEvent, TaskInfo } from "../src/contract/types.ts";
import type { Random } from "../src/kernel/ports.ts";
import { below, between, chance } from "../src/kernel/random.ts";
import type { Workload } from "./options.ts";
import type { Encoding } from "./scheduler-server.ts";
import { COMMAND_VARIABLES } from "./sim-runtime.ts";

export interface TaskNeeds {
  readonly id: string;
  readonly agentId: string;
  readonly cpus: number;
  readonly mem: number;
}

/** A task that does what the workload says. */
export function taskInfo(random: Random, workload: Workload, needs: TaskNeeds): TaskInfo {
  const { id, agentId } = needs;
  const variables = {
    [COMMAND_VARIABLES.runMs]: between(random, workload.runMs.low, workload.runMs.high),
    [COMMAND_VARIABLES.exitCode]: chance(random, workload.failing) ? between(random, 1, 255) : 0,
    [COMMAND_VARIABLES.termMs]: chance(random, workload.stubborn) ? -1 : below(random, 1_000),
  };
  const environment = {
    variables: Object.entries(variables).map(([name, value]) => ({ name, value: String(value) })),
  };
  return {
    name: id,
    task_id: { value: id },
    agent_id: { value: agentId },
    resources: (["cpus", "mem"] as const).map((name) => ({
      name,
      type: "SCALAR" as const,
      scalar: { value: needs[name] },
    })),
    command: { shell: true, value: "simulated", environment },
  };
}

export function graceOf(ms: number): { readonly kill_policy: KillPolicy } {
  return { kill_policy: { grace_period: { nanoseconds: BigInt(ms) * 1_000_000n } } };
}

/** Of what is not reserved. */
export function scalarOf(offer: Offer, name: string): number {
  const found = (offer.resources ?? []).filter(
    (resource) =>
      resource.name === name && (resource.role ?? "*") === "*" && (resource.reservations ?? []).length === 0,
  );
  return found.reduce((sum, { scalar }) => sum + (scalar?.value ?? 0), 0);
}

export function encodeCall(encoding: Encoding, call: SchedulerCall): Uint8Array {
  if (encoding === "protobuf") return encodeProtobuf(messageTypes.SchedulerCall, call);
  return new TextEncoder().encode(encodeJson(messageTypes.SchedulerCall, call));
}

export function decodeEvent(encoding: Encoding, body: Uint8Array): SchedulerEvent {
  const decoded =
    encoding === "protobuf"
      ? decodeProtobuf(messageTypes.SchedulerEvent, body)
      : decodeJson(messageTypes.SchedulerEvent, new TextDecoder().decode(body));
  if (!decoded.ok) throw new Error(`a master sent an event that does not decode: ${decoded.error}`);
  return decoded.value;
}
