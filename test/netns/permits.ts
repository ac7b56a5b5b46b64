// What this machine lets a lab do, found by trying; each refusal with its reason.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { problemOf } from "./commands.ts";
import { ext4Disk, memoryDisk } from "./disks.ts";
import { createNetwork, rulesText } from "./network.ts";

/** Of Debian. */
export const LAB_PACKAGES: readonly string[] = ["iproute2", "nftables", "util-linux", "e2fsprogs", "mount"];

export interface Permits {
  /** Why there can be no lab at all; null if there can. */
  readonly network: string | null;
  /** Why no disk can be made full. */
  readonly fullDisk: string | null;
  /** Why no disk can be made to hang. */
  readonly hangingDisk: string | null;
  /** Why packets cannot be delayed by the kernel. No fault needs it so far. */
  readonly delay: string | null;
}

export async function detectPermits(): Promise<Permits> {
  if (process.platform !== "linux") return none(`this is ${process.platform}; network namespaces are Linux'`);
  if (process.getuid?.() !== 0) return none("network namespaces and mounts need root");
  const lab = `tepui-try-${process.pid}`;
  const folder = await mkdtemp(join(tmpdir(), "tepui-try-"));
  try {
    return {
      network: await networkProblem(lab),
      fullDisk: await thrown(async () => (await memoryDisk(join(folder, "memory"), 1)).unmount()),
      hangingDisk: await thrown(() => tryFreezing(join(folder, "ext4"))),
      delay: await delayProblem(lab),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function none(reason: string): Permits {
  return { network: reason, fullDisk: reason, hangingDisk: reason, delay: reason };
}

async function networkProblem(lab: string): Promise<string | null> {
  let problem: string | null = null;
  const failed = await thrown(async () => {
    const network = await createNetwork(lab, ["one"]);
    const rules = rulesText("numgen random mod 100 < 50 counter drop");
    problem = await problemOf("ip", ["netns", "exec", `${lab}-one`, "nft", "--check", "-f", "-"], rules);
    await network.destroy();
  });
  for (const host of failed === null ? [] : ["one", "bridge"])
    await problemOf("ip", ["netns", "del", `${lab}-${host}`]);
  return failed ?? problem;
}

async function tryFreezing(path: string): Promise<void> {
  const disk = await ext4Disk(path, 8);
  try {
    await disk.freeze();
  } finally {
    await disk.unmount();
  }
}

async function delayProblem(lab: string): Promise<string | null> {
  const namespace = `${lab}-delay`;
  const made = await problemOf("ip", ["netns", "add", namespace]);
  if (made !== null) return made;
  const words = ["qdisc", "add", "dev", "lo", "root", "netem", "delay", "10ms"];
  const problem = await problemOf("tc", ["-netns", namespace, ...words]);
  await problemOf("ip", ["netns", "del", namespace]);
  return problem;
}

async function thrown(action: () => Promise<void>): Promise<string | null> {
  try {
    await action();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
