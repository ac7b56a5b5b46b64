// DEACTIVATE_AGENT, REACTIVATE_AGENT, DRAIN_AGENT (MO16) and MARK_AGENT_GONE (MO19): what an operator says of one agent.
import type { Duration, MasterCall } from "../../contract/types.ts";
import { type AgentId, asId } from "../../kernel/ids.ts";
import type { Command } from "../../state/commands.ts";
import { type ApiContext, replyToOutcome } from "../context.ts";
import { badRequest, empty, type Reply } from "../http/reply.ts";

const NANOS_PER_SECOND = 1_000_000_000n;
/** What a DurationInfo holds. */
const NANOS_MAX = 2n ** 63n - 1n;

/** Null for any other call. @param target path and query, for redirects */
export function agentOrder(context: ApiContext, call: MasterCall, target: string): Promise<Reply> | null {
  const command = commandOf(call);
  if (command === null) return null;
  return "kind" in command ? carriedOut(context, command, target) : Promise.resolve(command);
}

async function carriedOut(context: ApiContext, command: Command, target: string): Promise<Reply> {
  return replyToOutcome(context, await context.master.submit(command), empty(200), target);
}

function commandOf(call: MasterCall): Command | Reply | null {
  switch (call.type) {
    case "DEACTIVATE_AGENT":
      return { kind: "deactivate-agent", agentId: idOf(call.deactivate_agent) };
    case "REACTIVATE_AGENT":
      return { kind: "reactivate-agent", agentId: idOf(call.reactivate_agent) };
    case "MARK_AGENT_GONE":
      return { kind: "mark-agent-gone", agentId: idOf(call.mark_agent_gone) };
    case "DRAIN_AGENT": {
      const { max_grace_period: grace, mark_gone: markGone = false } = call.drain_agent ?? {};
      const maxGraceNanos = grace === undefined ? null : nanosOf(grace);
      if (maxGraceNanos !== null && maxGraceNanos < 0n) return badRequest("'max_grace_period' is negative");
      return { kind: "drain-agent", agentId: idOf(call.drain_agent), config: { maxGraceNanos, markGone } };
    }
    default:
      return null;
  }
}

function idOf(part: { readonly agent_id: { readonly value: string } } | undefined): AgentId {
  return asId<AgentId>(part?.agent_id.value ?? "");
}

function nanosOf({ seconds = 0, nanos = 0 }: Duration): bigint {
  const length = BigInt(seconds) * NANOS_PER_SECOND + BigInt(nanos);
  return length > NANOS_MAX ? NANOS_MAX : length;
}
