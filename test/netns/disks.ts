// Disks of a lab's members that can be full, and such that can hang: a file system of a bounded size in memory, and an
// ext4 in a file, which the kernel can freeze.
import { createWriteStream } from "node:fs";
import { mkdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { run } from "./commands.ts";

const FILLER = "filler";
const CHUNK_BYTES = 64 * 1024;

export interface LabDisk {
  readonly kind: "memory" | "ext4";
  readonly path: string;
  /** Leaves no byte free. */
  fill(): Promise<void>;
  makeRoom(): Promise<void>;
  unmount(): Promise<void>;
}

/** ext4 only: what is written waits until the thaw. */
export interface FreezableDisk extends LabDisk {
  readonly kind: "ext4";
  freeze(): Promise<void>;
  thaw(): Promise<void>;
}

export async function memoryDisk(path: string, megabytes: number): Promise<LabDisk> {
  await mkdir(path, { recursive: true });
  await run("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tepui-lab", path]);
  return diskAt("memory", path);
}

/** The file with the disk lies beside the path. */
export async function ext4Disk(path: string, megabytes: number): Promise<FreezableDisk> {
  const image = `${path}.ext4`;
  await mkdir(path, { recursive: true });
  await run("truncate", ["-s", `${megabytes}M`, image]);
  await run("mkfs.ext4", ["-q", "-F", image]);
  await run("mount", ["-o", "loop", image, path]);
  let frozen = false;
  const thaw = async () => {
    if (frozen) await run("fsfreeze", ["--unfreeze", path]);
    frozen = false;
  };
  const disk = diskAt("ext4", path);
  return {
    ...disk,
    async freeze() {
      await run("fsfreeze", ["--freeze", path]);
      frozen = true;
    },
    thaw,
    async unmount() {
      await thaw();
      await disk.unmount();
    },
  };
}

function diskAt<Kind extends LabDisk["kind"]>(kind: Kind, path: string): LabDisk & { readonly kind: Kind } {
  const filler = join(path, FILLER);
  return {
    kind,
    path,
    fill: () => fill(path, filler),
    makeRoom: () => rm(filler, { force: true }),
    unmount: async () => {
      await run("umount", [path]);
    },
  };
}

/** Somebody else may free a little meanwhile: it ends when there is nothing left. */
async function fill(path: string, filler: string): Promise<void> {
  do {
    try {
      await pipeline(zeros, createWriteStream(filler, { flags: "a" }));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    }
  } while ((await statfs(path)).bavail > 0);
}

async function* zeros(): AsyncGenerator<Uint8Array> {
  for (;;) yield new Uint8Array(CHUNK_BYTES);
}
