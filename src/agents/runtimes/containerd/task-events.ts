// The stream of containerd's task events. It ends with every break of the connection; it is then opened again, and
// whoever listens is told to compare what it knows with what is, because events in between are gone.
import type { Clock, Timer, Tracer } from "../../../kernel/ports.ts";
import { RECONNECT_FIRST_MS, RECONNECT_MAX_MS } from "../limits.ts";
import type { Connection } from "./connection.ts";
import { type Envelope, subscribe, type TaskExit } from "./methods.ts";

export interface TaskListener {
  onExit(containerId: string, exitStatus: number): void;
  onOutOfMemory(containerId: string): void;
  /** Events may have been missed. */
  onGap(): void;
}

export interface TaskEvents {
  stop(): void;
}

export function listenToTasks(
  connection: Connection,
  listener: TaskListener,
  clock: Clock,
  tracer: Tracer,
): TaskEvents {
  let [stopped, pauseMs] = [false, RECONNECT_FIRST_MS];
  let cancel = (): void => undefined;
  let timer: Timer | undefined;
  const open = () => {
    const filters = [`namespace==${connection.namespace},topic~=^/tasks/`];
    const stream = connection.readStream(subscribe, { filters });
    cancel = () => stream.cancel();
    stream.on("metadata", () => {
      pauseMs = RECONNECT_FIRST_MS;
    });
    stream.on("data", (envelope: Envelope) => deliver(connection, listener, envelope));
    stream.on("error", (error) => {
      if (!stopped) tracer.warn("runtime.containerd-events-broken", { reason: error.message });
    });
    stream.on("close", again);
    listener.onGap();
  };
  const again = () => {
    if (stopped) return;
    timer = clock.after(pauseMs, open);
    pauseMs = Math.min(pauseMs * 2, RECONNECT_MAX_MS);
  };
  open();
  return {
    stop: () => {
      stopped = true;
      timer?.cancel();
      cancel();
    },
  };
}

function deliver(connection: Connection, listener: TaskListener, { topic, event }: Envelope): void {
  if (event === null) return;
  if (topic === "/tasks/exit") {
    const exit = connection.decode<TaskExit>("TaskExit", event.value);
    if (exit.id === exit.containerId) listener.onExit(exit.containerId, exit.exitStatus);
  } else if (topic === "/tasks/oom") {
    listener.onOutOfMemory(connection.decode<{ containerId: string }>("TaskOOM", event.value).containerId);
  }
}
