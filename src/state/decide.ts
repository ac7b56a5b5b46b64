// Whether a command may be carried out and which events that makes. Pure: reads the state, never changes it.
import type { AgentId, FrameworkId } from "../kernel/ids.ts";
import type { Command, Context, Rejection } from "./commands.ts";
import type { Effect } from "./effects.ts";
import type { Event } from "./events.ts";
import type { ClusterState } from "./model.ts";

export type Decision =
  | {
      readonly kind: "accepted";
      /** Empty when nothing changes. */
      readonly events: readonly Event[];
      readonly reply: Reply | null;
      /**
       * Answers that are not logged (reconciliation, messages, repeated updates). They show the state as decided on:
       * to be delivered only when every event decided before is committed, after the effects of these events.
       */
      readonly effects: readonly Effect[];
    }
  | { readonly kind: "rejected"; readonly rejection: Rejection };

export type Reply =
  | { readonly kind: "subscribed"; readonly frameworkId: FrameworkId }
  | { readonly kind: "registered"; readonly agentId: AgentId };

export declare function decide(state: ClusterState, command: Command, context: Context): Decision;
