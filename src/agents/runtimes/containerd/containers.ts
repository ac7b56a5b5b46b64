// One container in containerd, from snapshot to running task, and all of it away again.
import { access } from "node:fs/promises";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import type { ContainerId } from "../../../kernel/ids.ts";
import type { Clock } from "../../../kernel/ports.ts";
import { type ContainerSpec, RuntimeFailure } from "../../runtime.ts";
import { outOfMemoryKills, removeCgroups } from "../cgroups.ts";
import { SETTLE_POLL_MS, SETTLE_ROUNDS } from "../limits.ts";
import { pause } from "../pause.ts";
import { prepareVolumes } from "../volumes.ts";
import { ignoreNotFound, isNotFound, isStatus } from "./connection.ts";
import { prepareOutput, resolveUser } from "./image-accounts.ts";
import type { ReadyImage } from "./images/image-store.ts";
import {
  createContainer,
  createTask,
  deleteContainer,
  deleteTask,
  getTask,
  killTask,
  listContainers,
  type Mount,
  prepareSnapshot,
  removeSnapshot,
  startTask,
  type TaskProcess,
} from "./methods.ts";
import { mergeEnvironment, OCI_SPEC_TYPE, ociSpec } from "./oci-spec.ts";
import type { Session } from "./session.ts";

const RUNTIME_NAME = "io.containerd.runc.v2";
const AGENT_LABEL = "tepui.agent";
const HOST_FILES = ["/etc/resolv.conf", "/etc/hosts"];
const SIGNAL_NUMBERS = { SIGTERM: 15, SIGKILL: 9 } as const;

/** Creates and starts it. @returns its process id on the host */
export async function startContainer(session: Session, spec: ContainerSpec): Promise<number> {
  if (spec.image === undefined) {
    throw new RuntimeFailure("launch-failed", "the containerd runtime needs an image for a task");
  }
  const image = await session.images.ensure(spec.image);
  const mounts = await prepareRoot(session, spec.id, image);
  await createRecord(session, spec, image, mounts);
  const stdout = join(spec.sandbox, "stdout");
  const stderr = join(spec.sandbox, "stderr");
  try {
    // Plain paths of existing files: the shim appends to each. (It writes a file:// address for both streams.)
    await session.connection.call(createTask, { containerId: spec.id, rootfs: mounts, stdout, stderr });
    return (await session.connection.call(startTask, { containerId: spec.id })).pid;
  } catch (error) {
    throw commandFailure(error) ?? error;
  }
}

async function prepareRoot(session: Session, id: string, image: ReadyImage): Promise<readonly Mount[]> {
  const labels = { "containerd.io/gc.root": new Date().toISOString() };
  const request = { snapshotter: session.snapshotter, key: id, parent: image.snapshot, labels };
  return (await session.connection.call(prepareSnapshot, request)).mounts;
}

async function createRecord(
  session: Session,
  spec: ContainerSpec,
  image: ReadyImage,
  mounts: readonly Mount[],
): Promise<void> {
  const account = await resolveUser(spec.user ?? image.settings.user, image.name, mounts);
  await prepareOutput(join(spec.sandbox, "stdout"), account);
  await prepareOutput(join(spec.sandbox, "stderr"), account);
  await prepareVolumes(spec.volumes, account);
  const value = ociSpec({
    argv: spec.argv,
    env: mergeEnvironment(image.settings.env, spec.environment),
    account,
    sandbox: spec.sandbox,
    sandboxMount: spec.sandboxMount,
    volumes: spec.volumes ?? [],
    hostFiles: await existing(HOST_FILES),
    cgroupPath: `/${session.cgroups.parent}/${spec.id}`,
    limits: spec.limits,
    limitSwap: session.cgroups.limitSwap,
    cgroupVersion: session.cgroups.memory?.version ?? 1,
    agentOomScoreAdj: session.oomScoreAdj,
  });
  const container = {
    id: spec.id,
    labels: { [AGENT_LABEL]: session.agentKey },
    image: image.name,
    runtime: { name: RUNTIME_NAME },
    spec: { typeUrl: OCI_SPEC_TYPE, value },
    snapshotter: session.snapshotter,
    snapshotKey: spec.id,
  };
  await session.connection.call(createContainer, { container });
}

/** runc tells in words only that it could not execute the program. */
function commandFailure(error: unknown): RuntimeFailure | undefined {
  const match = error instanceof Error ? /exec: "(.*?)": (.*?)(: unknown)?$/.exec(error.message) : null;
  if (match === null) return undefined;
  const text = `cannot run "${match[1]}" in the image: ${match[2]}`;
  return new RuntimeFailure("command-not-found", text, { cause: error });
}

/** The container's task, undefined if there is none. */
export async function findTask(session: Session, id: string): Promise<TaskProcess | undefined> {
  try {
    return (await session.connection.call(getTask, { containerId: id })).process ?? undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Sends the signal to every process of the container; no error if it has ended. */
export async function signalContainer(
  session: Session,
  id: string,
  signal: "SIGTERM" | "SIGKILL",
): Promise<void> {
  const request = { containerId: id, signal: SIGNAL_NUMBERS[signal], all: true };
  await ignoreNotFound(session.connection.call(killTask, request));
}

/** Whether the kernel has killed a process of it for want of memory. True only before its task is deleted. */
export async function ranOutOfMemory(session: Session, id: string): Promise<boolean> {
  const { memory, parent } = session.cgroups;
  return memory !== undefined && (await outOfMemoryKills([join(memory.mount, parent, id)])) > 0;
}

/** Lets go of an ended task: returns when all of its output has been written. */
export async function deleteEndedTask(session: Session, id: string): Promise<void> {
  await ignoreNotFound(session.connection.call(deleteTask, { containerId: id }));
}

/** Ends the container if it runs and removes task, record, snapshot and cgroup. */
export async function removeContainer(session: Session, id: ContainerId, clock: Clock): Promise<void> {
  const { connection, snapshotter, cgroups } = session;
  await endTask(session, id, clock);
  await ignoreNotFound(connection.call(deleteContainer, { id }));
  await ignoreNotFound(connection.call(removeSnapshot, { snapshotter, key: id }));
  const { memory, parent } = cgroups;
  if (memory !== undefined) await removeCgroups([join(memory.mount, parent, id)]).catch(() => undefined);
}

/** A task that has not quite ended cannot be deleted: containerd or its shim says so, with a code of its own each. */
async function endTask(session: Session, id: string, clock: Clock): Promise<void> {
  const notYet = (error: unknown): void => {
    if (!isStatus(error, status.FAILED_PRECONDITION, status.UNKNOWN)) throw error;
  };
  for (let round = 0; round < SETTLE_ROUNDS; round++) {
    await signalContainer(session, id, "SIGKILL").catch(notYet);
    try {
      return await deleteEndedTask(session, id);
    } catch (error) {
      notYet(error);
    }
    await pause(clock, SETTLE_POLL_MS);
  }
}

/** Ids of this agent's containers in the namespace. */
export async function listOwn(session: Session): Promise<readonly string[]> {
  const filters = [`labels."${AGENT_LABEL}"==${session.agentKey}`];
  return (await session.connection.call(listContainers, { filters })).containers.map(({ id }) => id);
}

async function existing(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    paths.map((path) =>
      access(path).then(
        () => [path],
        () => [],
      ),
    ),
  );
  return found.flat();
}
