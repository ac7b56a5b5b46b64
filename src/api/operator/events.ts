// From what the cluster tells operators to the event on their streams (MO12).
import type { MasterEvent } from "../../contract/types.ts";
import type { OperatorEvent } from "../../state/effects.ts";
import type { ClusterState } from "../../state/model.ts";
import { statusToWire } from "../convert/statuses.ts";
import { HEARTBEAT_INTERVAL_MS } from "../limits.ts";
import { getState } from "./lists.ts";
import { agentView, frameworkEventView, frameworkInfo, taskBasics } from "./views.ts";

/** The event, or null if the agent that it tells of is gone again. */
export function masterEvent(event: OperatorEvent, state: ClusterState): MasterEvent | null {
  switch (event.kind) {
    case "task-added": {
      const task = taskBasics(event.task, event.frameworkId, event.taskId);
      return { type: "TASK_ADDED", task_added: { task } };
    }
    case "task-updated":
      return { type: "TASK_UPDATED", task_updated: taskUpdated(event) };
    case "agent-added": {
      const agent = state.agents.get(event.agentId);
      return agent === undefined
        ? null
        : { type: "AGENT_ADDED", agent_added: { agent: agentView(agent, null) } };
    }
    case "agent-removed":
      return { type: "AGENT_REMOVED", agent_removed: { agent_id: { value: event.agentId } } };
    case "framework-added": {
      const framework = frameworkEventView(event.view, event.frameworkId);
      return { type: "FRAMEWORK_ADDED", framework_added: { framework } };
    }
    case "framework-updated": {
      const framework = frameworkEventView(event.view, event.frameworkId);
      return { type: "FRAMEWORK_UPDATED", framework_updated: { framework } };
    }
    case "framework-removed": {
      const framework_info = frameworkInfo(event.view.spec, event.frameworkId);
      return { type: "FRAMEWORK_REMOVED", framework_removed: { framework_info } };
    }
  }
}

export function subscribedEvent(state: ClusterState): MasterEvent {
  const heartbeat_interval_seconds = HEARTBEAT_INTERVAL_MS / 1_000;
  return { type: "SUBSCRIBED", subscribed: { get_state: getState(state), heartbeat_interval_seconds } };
}

function taskUpdated(
  event: Extract<OperatorEvent, { readonly kind: "task-updated" }>,
): NonNullable<MasterEvent["task_updated"]> {
  return {
    framework_id: { value: event.frameworkId },
    status: statusToWire(event.status),
    state: event.state,
  };
}
