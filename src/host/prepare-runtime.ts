// Chooses what `tepui up` runs its tasks with, and makes it ready: containerd where it is installed (the machine's own
// daemon if one answers, else one of ours), with a small image made here; plain processes elsewhere.
import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { DEFAULT_CONTAINERD_ADDRESS } from "../agents/runtimes/containerd/containerd-runtime.ts";
import { startContainerd } from "../agents/runtimes/containerd/daemon.ts";
import { silentTracer } from "../kernel/ports.ts";
import { buildBusyboxArchive } from "./busybox-image.ts";
import { ensureDebianPackages } from "./debian-packages.ts";
import { nodeClock } from "./node-clock.ts";

export interface PreparedRuntime {
  readonly agentFlags: readonly string[];
  /** Image for tasks of examples: the path of an OCI archive; null for plain processes. */
  readonly image: string | null;
  readonly description: string;
  /** Stops what was started for it. */
  close(): Promise<void>;
}

const CONTAINERD_PACKAGES = ["containerd", "runc", "busybox-static"];
const CONTAINERD_PROGRAMS = ["containerd", "runc", "busybox"];

const processes: PreparedRuntime = {
  agentFlags: ["--runtime", "process"],
  image: null,
  description: "plain processes",
  close: () => Promise.resolve(),
};

/** @throws Error that says what to install, where containerd is asked for and cannot be had */
export async function chooseRuntime(
  wanted: "auto" | "containerd" | "process",
  dataDirectory: string,
): Promise<PreparedRuntime> {
  if (wanted === "process") return processes;
  const installed = await areInstalled(CONTAINERD_PROGRAMS);
  if (wanted === "auto" && (!installed || process.getuid?.() !== 0)) return processes;
  if (!installed) await ensureDebianPackages(CONTAINERD_PACKAGES);
  return prepareContainerd(dataDirectory);
}

async function prepareContainerd(dataDirectory: string): Promise<PreparedRuntime> {
  const image = join(dataDirectory, "busybox.tar");
  await buildBusyboxArchive(image);
  const own = await startOwnUnlessRunning(dataDirectory);
  const address = own?.address ?? DEFAULT_CONTAINERD_ADDRESS;
  return {
    agentFlags: ["--runtime", "containerd", "--containerd-address", address],
    image,
    description: `containers of containerd at ${address}`,
    close: async () => own?.stop(),
  };
}

async function startOwnUnlessRunning(
  dataDirectory: string,
): Promise<Awaited<ReturnType<typeof startContainerd>> | null> {
  const running = await access(DEFAULT_CONTAINERD_ADDRESS, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (running) return null;
  return startContainerd({
    directory: join(dataDirectory, "containerd"),
    tracer: silentTracer,
    clock: nodeClock,
  });
}

async function areInstalled(programs: readonly string[]): Promise<boolean> {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin", "/bin"];
  const found = await Promise.all(programs.map((program) => isInAny(folders, program)));
  return found.every(Boolean);
}

async function isInAny(folders: readonly string[], program: string): Promise<boolean> {
  for (const folder of folders) {
    if (folder === "") continue;
    const there = await access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) return true;
  }
  return false;
}
