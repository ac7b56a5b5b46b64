// Best-effort messages (SC25, SC26): passed on if the receiver is connected now, else lost. Nothing is logged.
import type { Command } from "../commands.ts";
import { isConnected } from "../lookups.ts";
import type { ClusterState } from "../model.ts";
import { answered, type Decision, dropped } from "./decision.ts";
import { connectedFramework } from "./frameworks.ts";

type CommandOf<Kind extends Command["kind"]> = Extract<Command, { kind: Kind }>;

export function messageExecutor(state: ClusterState, command: CommandOf<"message-executor">): Decision {
  const { frameworkId, agentId, executorId, data } = command;
  const found = connectedFramework(state, frameworkId);
  if ("refusal" in found) return found.refusal;
  if (!isConnected(state.agents.get(agentId))) return dropped();
  const message = { kind: "framework-message", frameworkId, executorId, data } as const;
  return answered([{ to: "agent", agentId, message }]);
}

export function shutdownExecutor(state: ClusterState, command: CommandOf<"shutdown-executor">): Decision {
  const { frameworkId, agentId, executorId } = command;
  const found = connectedFramework(state, frameworkId);
  if ("refusal" in found) return found.refusal;
  if (!isConnected(state.agents.get(agentId))) return dropped();
  const message = { kind: "shutdown-executor", frameworkId, executorId } as const;
  return answered([{ to: "agent", agentId, message }]);
}

export function messageFramework(state: ClusterState, command: CommandOf<"message-framework">): Decision {
  const { frameworkId, agentId, executorId, data } = command;
  if (!isConnected(state.frameworks.get(frameworkId))) return dropped();
  const event = { kind: "message", agentId, executorId, data } as const;
  return answered([{ to: "framework", frameworkId, event }]);
}
