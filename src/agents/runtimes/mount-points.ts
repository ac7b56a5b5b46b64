// Which paths of this machine are mount points, as the kernel lists them.
import { readFile } from "node:fs/promises";

export async function isMountPoint(path: string): Promise<boolean> {
  return mountPoints(await readFile("/proc/self/mountinfo", "utf8")).has(path);
}

/** Fifth field of each line; blanks and the like are octal there. */
export function mountPoints(mountinfo: string): ReadonlySet<string> {
  const fields = mountinfo.split("\n").map((line) => line.split(" ")[4] ?? "");
  return new Set(
    fields.map((field) => field.replace(/\\([0-7]{3})/g, (_match, octal: string) => byteOf(octal))),
  );
}

function byteOf(octal: string): string {
  return String.fromCharCode(Number.parseInt(octal, 8));
}
