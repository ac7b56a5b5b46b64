// What the supervisor is told and what it wants done. Effects are carried out by the driver in their order, after the
// records that were changed with them are durable.
import type { FromAgent } from "../contract/agent-protocol.ts";
import type { ExecutorCall, ExecutorEvent } from "../contract/types.ts";
import type { ContainerId } from "../kernel/ids.ts";
import type { FromMaster } from "./frames.ts";
import type { ContainerRecord } from "./records.ts";
import type { ContainerExit, ContainerSpec, RuntimeFailureCode, VolumeMount } from "./runtime.ts";
import type { VolumePlace } from "./volume-places.ts";

/** Frames that are the link's own business do not get here. */
export type MasterFrame = Exclude<FromMaster, { readonly kind: "ping" | "redirect" }>;

export type Input =
  | { readonly kind: "frame"; readonly frame: MasterFrame }
  /** A connection to a master has been begun, and nothing more comes from the ones before it. */
  | { readonly kind: "dialed"; readonly attempt: number }
  | { readonly kind: "started"; readonly id: ContainerId; readonly pid: number }
  | {
      readonly kind: "launch-failed";
      readonly id: ContainerId;
      readonly code: RuntimeFailureCode;
      readonly message: string;
    }
  /** The order to end it came before the runtime was asked. */
  | { readonly kind: "launch-cancelled"; readonly id: ContainerId }
  | { readonly kind: "exited"; readonly exit: ContainerExit }
  /** After a restart of the agent; `pid` is null if the runtime has no trace of the container. */
  | { readonly kind: "recovered"; readonly id: ContainerId; readonly pid: number | null }
  | {
      readonly kind: "executor-call";
      readonly requestId: number;
      readonly call: ExecutorCall;
      /** For SUBSCRIBE: the stream that the events are to go to. */
      readonly streamId: string | null;
    }
  | { readonly kind: "executor-disconnected"; readonly streamId: string }
  | { readonly kind: "volume-made"; readonly path: string }
  | { readonly kind: "volume-removed"; readonly path: string }
  | { readonly kind: "volume-failed"; readonly path: string; readonly message: string }
  /** `fault` is null if the executor sees the volumes of the task now. */
  | { readonly kind: "volumes-attached"; readonly taskKey: string; readonly fault: string | null }
  /** Time has passed. */
  | { readonly kind: "tick" }
  /** End every task, then the agent. */
  | { readonly kind: "leave"; readonly reason: string };

export type Effect =
  | { readonly do: "send"; readonly frame: FromAgent }
  /** Tell the master of this connection all that the agent has. */
  | { readonly do: "register"; readonly attempt: number }
  | { readonly do: "launch"; readonly container: ContainerRecord; readonly user: string | null }
  | { readonly do: "signal"; readonly id: ContainerId; readonly signal: "SIGTERM" | "SIGKILL" }
  | { readonly do: "remove-container"; readonly id: ContainerId }
  | { readonly do: "remove-sandbox"; readonly path: string }
  | { readonly do: "make-volume"; readonly place: VolumePlace }
  | { readonly do: "remove-volume"; readonly place: VolumePlace }
  | {
      readonly do: "attach-volumes";
      readonly taskKey: string;
      readonly spec: ContainerSpec;
      readonly mounts: readonly VolumeMount[];
    }
  | { readonly do: "executor-event"; readonly streamId: string; readonly event: ExecutorEvent }
  | { readonly do: "executor-close"; readonly streamId: string }
  | { readonly do: "reply"; readonly requestId: number; readonly reply: ExecutorReply };

/** 200 means that the stream has been opened. */
export interface ExecutorReply {
  readonly status: 200 | 202 | 400 | 403 | 501 | 503;
  readonly text: string;
}
