// What `decide` answers, and short ways to say it.
import type { AgentId, FrameworkId } from "../../kernel/ids.ts";
import type { Command, Rejection } from "../commands.ts";
import type { Effect } from "../effects.ts";
import type { Event } from "../events.ts";

export type Decision = Accepted | { readonly kind: "rejected"; readonly rejection: Rejection };

export interface Accepted {
  readonly kind: "accepted";
  /** Empty when nothing changes. */
  readonly events: readonly Event[];
  readonly reply: Reply | null;
  /**
   * Answers that are not logged (reconciliation, messages, repeated updates). They show the state as decided on: to be
   * delivered only when every event decided before is committed, after the effects of these events.
   */
  readonly effects: readonly Effect[];
  /**
   * There is more to be done than one entry should hold: this is to be decided for the next entry, before any other
   * command. What came of the command is told when all is done.
   */
  readonly next?: Command;
}

export type Reply =
  | { readonly kind: "subscribed"; readonly frameworkId: FrameworkId }
  | { readonly kind: "registered"; readonly agentId: AgentId };

export function accepted(events: readonly Event[], reply: Reply | null = null): Accepted {
  return { kind: "accepted", events, reply, effects: [] };
}

/** A bounded part of what the command leads to; the rest is decided as `next`. */
export function partly(events: readonly Event[], next: Command, effects: readonly Effect[] = []): Accepted {
  return { kind: "accepted", events, reply: null, effects, next };
}

/** Nothing changes and nothing is said: Mesos answers 202 and drops the call. */
export function dropped(): Accepted {
  return accepted([]);
}

export function answered(effects: readonly Effect[]): Accepted {
  return { kind: "accepted", events: [], reply: null, effects };
}

export function rejected(code: Rejection["code"], message: string): Decision {
  return { kind: "rejected", rejection: { code, message } };
}
