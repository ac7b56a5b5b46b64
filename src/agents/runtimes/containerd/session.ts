// What a started containerd runtime works with: the connection, the namespace, a snapshotter that works here, images,
// and where its containers' cgroups are.
import { createHash } from "node:crypto";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import type { Tracer } from "../../../kernel/ports.ts";
import type { Hierarchy } from "../cgroup-mounts.ts";
import { detectHierarchies, prepareParent } from "../cgroups.ts";
import { type Bookkeeping, openBookkeeping } from "./bookkeeping.ts";
import {
  type Connection,
  connect,
  ignoreAlreadyThere,
  isNotFound,
  isStatus,
  unavailable,
} from "./connection.ts";
import { createImageStore, type ImageStore } from "./images/image-store.ts";
import { createNamespace, getVersion, statSnapshot } from "./methods.ts";

export interface SessionOptions {
  /** Absolute path of containerd's socket. */
  readonly address: string;
  readonly namespace: string;
  /** Undefined: overlayfs where it works, else native. */
  readonly snapshotter: string | undefined;
  readonly directory: string;
  readonly tracer: Tracer;
}

export interface Session {
  readonly connection: Connection;
  readonly books: Bookkeeping;
  readonly images: ImageStore;
  readonly snapshotter: string;
  /** Tells this agent's containers from those of others in the namespace. */
  readonly agentKey: string;
  readonly cgroups: CgroupPlace;
  /** The agent's own value in /proc. */
  readonly oomScoreAdj: number;
}

export interface CgroupPlace {
  readonly memory: Hierarchy | undefined;
  /** Path below the cgroup roots, without a slash at the start. */
  readonly parent: string;
  readonly limitSwap: boolean;
}

/** Rejects with a RuntimeFailure "unavailable" or a ServiceError; then nothing stays open. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { address, namespace } = options;
  await access(address).catch((error: Error) => {
    throw unavailable(address, error.message, error);
  });
  const connection = connect(address, namespace);
  try {
    await connection.ready();
    const { version } = await connection.call(getVersion, {});
    await ignoreAlreadyThere(connection.call(createNamespace, { namespace: { name: namespace } }));
    const snapshotter = options.snapshotter ?? (await chooseSnapshotter(connection));
    const agentKey = createHash("sha256").update(options.directory).digest("hex").slice(0, 12);
    const books = await openBookkeeping(options.directory);
    const images = createImageStore(connection, snapshotter);
    const cgroups = await findCgroupPlace(`tepui/${agentKey}`, options.tracer);
    options.tracer.info("runtime.containerd-connected", { address, version, snapshotter });
    const oomScoreAdj = Number.parseInt(await readFile("/proc/self/oom_score_adj", "latin1"), 10);
    return { connection, books, images, snapshotter, agentKey, cgroups, oomScoreAdj };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** containerd loads the overlayfs snapshotter only where the kernel and the file system below allow overlays. */
async function chooseSnapshotter(connection: Connection): Promise<string> {
  try {
    await connection.call(statSnapshot, { snapshotter: "overlayfs", key: "tepui-probe" });
    return "overlayfs";
  } catch (error) {
    if (isNotFound(error)) return "overlayfs";
    if (isStatus(error, status.INVALID_ARGUMENT)) return "native";
    throw error;
  }
}

async function findCgroupPlace(parent: string, tracer: Tracer): Promise<CgroupPlace> {
  const memory = (await detectHierarchies()).find(({ controllers }) => controllers.includes("memory"));
  if (memory === undefined) return { memory, parent, limitSwap: false };
  try {
    await prepareParent(memory, parent);
  } catch (error) {
    tracer.warn("runtime.cgroups-not-permitted", { mount: memory.mount, reason: (error as Error).message });
  }
  const swapFile = memory.version === 1 ? "memory.memsw.limit_in_bytes" : "memory.swap.max";
  const limitSwap = await access(join(memory.mount, parent, swapFile)).then(
    () => true,
    () => false,
  );
  return { memory, parent, limitSwap };
}
