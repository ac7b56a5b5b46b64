// What this machine has to offer, as Mesos' agent finds it when nothing is configured (RV02), and what it is called.
import { statfs } from "node:fs/promises";
import { availableParallelism, hostname, networkInterfaces, totalmem } from "node:os";
import type { Resource } from "../../contract/types.ts";

const BYTES_PER_MB = 1024 * 1024;
/** Left to the system on machines that have twice as much. Megabytes; also the unit of the disk's reserve. */
const MEM_RESERVE_MB = 1024;
const DISK_RESERVE_MB = 5 * 1024;
/** When the file system cannot be asked. Megabytes. */
const DISK_FALLBACK_MB = 10 * 1024;
const DEFAULT_PORTS = { begin: 31_000, end: 32_000 };

export interface DetectedMachine {
  readonly hostname: string;
  /** An IPv4 address of this machine, `127.0.0.1` if it has no other. */
  readonly ip: string;
  readonly cpus: number;
  readonly memMb: number;
  readonly diskMb: number;
  readonly ports: { readonly begin: number; readonly end: number };
}

/** @param workFolder an existing folder on the file system whose space is offered */
export async function detectMachine(workFolder: string): Promise<DetectedMachine> {
  return {
    hostname: hostname(),
    ip: firstAddress(),
    cpus: availableParallelism(),
    memMb: withoutReserve(Math.floor(totalmem() / BYTES_PER_MB), MEM_RESERVE_MB),
    diskMb: await diskMb(workFolder),
    ports: DEFAULT_PORTS,
  };
}

/** The four resources that are advertised when none are configured. */
export function detectedResources(machine: DetectedMachine): readonly Resource[] {
  return [
    scalar("cpus", machine.cpus),
    scalar("mem", machine.memMb),
    scalar("disk", machine.diskMb),
    { name: "ports", type: "RANGES", ranges: { range: [machine.ports] } },
  ];
}

/** All but the reserve, or half of a machine that has less than twice the reserve. */
function withoutReserve(totalMb: number, reserveMb: number): number {
  return totalMb > 2 * reserveMb ? totalMb - reserveMb : Math.floor(totalMb / 2);
}

async function diskMb(folder: string): Promise<number> {
  try {
    const { blocks, bsize } = await statfs(folder);
    return withoutReserve(Math.floor((blocks * bsize) / BYTES_PER_MB), DISK_RESERVE_MB);
  } catch {
    return DISK_FALLBACK_MB;
  }
}

function firstAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1";
}

function scalar(name: string, value: number): Resource {
  return { name, type: "SCALAR", scalar: { value } };
}
