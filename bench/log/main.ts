// Throughput of the log on this machine's real disk: megabytes, entries and syncs a second for several entry sizes and
// numbers of appends in flight, besides the disk's own fdatasync rate for scale.
// Usage: node bench/log/main.ts [folder] [seconds per case]
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNodeDisk } from "../../src/host/node-disk.ts";
import { asIndex, asTerm } from "../../src/kernel/ids.ts";
import type { Disk, DiskFile } from "../../src/kernel/ports.ts";
import type { Log } from "../../src/log/index.ts";
import { crc32c, openLog } from "../../src/log/index.ts";

interface Case {
  readonly entryBytes: number;
  readonly inFlight: number;
  readonly preallocateBytes: number;
}

interface Tally {
  syncs: number;
  bytes: number;
}

const mebibyte = 1024 * 1024;
const folder = process.argv[2] ?? tmpdir();
const seconds = Number(process.argv[3] ?? 2);

function counting(disk: Disk, tally: Tally): Disk {
  const count = (file: DiskFile): DiskFile => ({
    ...file,
    write: (offset, bytes) => {
      tally.bytes += bytes.length;
      return file.write(offset, bytes);
    },
    sync: () => {
      tally.syncs += 1;
      return file.sync();
    },
  });
  return { ...disk, open: async (path) => count(await disk.open(path)) };
}

/** Keeps `inFlight` appends of one entry waiting until the time is up; returns how many became durable. */
async function drive(log: Log, { entryBytes, inFlight }: Case): Promise<number> {
  const payload = new Uint8Array(entryBytes).map((_, at) => at * 31 + 7);
  const end = performance.now() + seconds * 1000;
  let next = 1;
  async function one(): Promise<void> {
    while (performance.now() < end) {
      await log.append({ entries: [{ index: asIndex(next++), term: asTerm(1), payload }] });
    }
  }
  await Promise.all(Array.from({ length: inFlight }, one));
  return next - 1;
}

async function measure(each: Case): Promise<string> {
  const root = await mkdtemp(join(folder, "tepui-bench-log-"));
  const tally: Tally = { syncs: 0, bytes: 0 };
  try {
    const limits = { preallocateBytes: each.preallocateBytes };
    const { log } = await openLog({ disk: counting(createNodeDisk(root), tally), directory: "log", limits });
    tally.syncs = 0;
    const start = performance.now();
    const cpu = process.cpuUsage();
    const entries = await drive(log, each);
    const took = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    await log.close();
    const payload = (entries * each.entryBytes) / mebibyte / took;
    return [
      `${each.entryBytes} B`.padStart(9),
      String(each.inFlight).padStart(9),
      (each.preallocateBytes > 0 ? "ahead" : "-").padStart(6),
      payload.toFixed(1).padStart(9),
      Math.round(entries / took)
        .toString()
        .padStart(10),
      Math.round(tally.syncs / took)
        .toString()
        .padStart(8),
      `${Math.round((user + system) / took / 10_000)} %`.padStart(7),
    ].join(" ");
  } finally {
    await rm(root, { recursive: true });
  }
}

/** How room for a file's next bytes is made: not at all, as a hole, or written as zeros. */
type Ahead = "none" | "hole" | "zeros";

/** The rate of one writer that syncs after every 4 KiB: the disk's own limit. */
async function rawSyncs(ahead: Ahead): Promise<number> {
  const root = await mkdtemp(join(folder, "tepui-bench-raw-"));
  try {
    const file = await createNodeDisk(root).open("raw");
    const page = new Uint8Array(4096).fill(1);
    const start = performance.now();
    let count = 0;
    for (; performance.now() - start < seconds * 1000; count++) {
      const at = count * page.length;
      if (at % mebibyte === 0 && ahead === "hole") await file.truncate(at + mebibyte);
      if (at % mebibyte === 0 && ahead === "zeros") await file.write(at, new Uint8Array(mebibyte));
      await file.write(at, page);
      await file.sync();
    }
    await file.close();
    return count / seconds;
  } finally {
    await rm(root, { recursive: true });
  }
}

function checksumRate(): number {
  const bytes = new Uint8Array(8 * mebibyte).fill(0x5a);
  crc32c(bytes, 0, bytes.length);
  const start = performance.now();
  let total = 0;
  for (; performance.now() - start < 500; total += bytes.length) crc32c(bytes, 0, bytes.length);
  return total / mebibyte / ((performance.now() - start) / 1000);
}

console.log(`CRC-32C: ${checksumRate().toFixed(0)} MiB/s`);
for (const ahead of ["none", "hole", "zeros", "none", "hole", "zeros"] as const) {
  const rate = (await rawSyncs(ahead)).toFixed(0);
  console.log(`4 KiB write and fdatasync, one after the other, room made ahead by ${ahead}: ${rate}/s`);
}
console.log("    entry in flight  zeros     MiB/s  entries/s  syncs/s     CPU");
for (const entryBytes of [100, 1000, 4096, 65_536]) {
  for (const inFlight of [1, 64, 1000]) {
    for (const preallocateBytes of [0, mebibyte]) {
      if (entryBytes * inFlight > 64 * mebibyte) continue;
      console.log(await measure({ entryBytes, inFlight, preallocateBytes }));
    }
  }
}
