// What to write into a cgroup's files for a container's limits, for both versions of the interface.
import type { ContainerLimits } from "../runtime.ts";
import type { Hierarchy } from "./cgroup-mounts.ts";
import { CFS_PERIOD_US, MAX_CPU_SHARES, MIN_CFS_QUOTA_US, MIN_CPU_SHARES } from "./limits.ts";

export interface Setting {
  readonly file: string;
  readonly value: string;
  /** Kernels built or booted without it lack the file; the limit then holds for memory without swap. */
  readonly optional: boolean;
}

/** CPU shares of version 1: 1024 per CPU. @param cpuMillis thousandths of a CPU, above 0 */
export function cpuShares(cpuMillis: number): number {
  const shares = Math.floor((cpuMillis * 1024) / 1000);
  return Math.min(MAX_CPU_SHARES, Math.max(MIN_CPU_SHARES, shares));
}

/** Microseconds of CPU time per period of CFS_PERIOD_US. @param cpuMillis thousandths of a CPU, above 0 */
export function cpuQuotaUs(cpuMillis: number): number {
  return Math.max(MIN_CFS_QUOTA_US, Math.floor((cpuMillis * CFS_PERIOD_US) / 1000));
}

/** Weight of version 2 (1 to 10000) for shares of version 1 (2 to 262144): the linear map that runc uses too. */
export function cpuWeight(shares: number): number {
  return 1 + Math.floor(((shares - MIN_CPU_SHARES) * 9_999) / (MAX_CPU_SHARES - MIN_CPU_SHARES));
}

/** The files to write for the limits, in order, for the controllers that the hierarchy has. */
export function settingsFor(hierarchy: Hierarchy, limits: ContainerLimits): readonly Setting[] {
  const cpu = hierarchy.controllers.includes("cpu") ? cpuSettings(hierarchy.version, limits) : [];
  const memory = hierarchy.controllers.includes("memory") ? memorySettings(hierarchy.version, limits) : [];
  return [...cpu, ...memory];
}

function cpuSettings(version: 1 | 2, limits: ContainerLimits): Setting[] {
  if (limits.cpuMillis <= 0) return [];
  const shares = cpuShares(limits.cpuMillis);
  const quota = cpuQuotaUs(limits.cpuMillis);
  if (version === 2) {
    const hard = limits.cpuHard ? [required("cpu.max", `${quota} ${CFS_PERIOD_US}`)] : [];
    return [required("cpu.weight", `${cpuWeight(shares)}`), ...hard];
  }
  const period = required("cpu.cfs_period_us", `${CFS_PERIOD_US}`);
  const hard = limits.cpuHard ? [period, required("cpu.cfs_quota_us", `${quota}`)] : [];
  return [required("cpu.shares", `${shares}`), ...hard];
}

function memorySettings(version: 1 | 2, limits: ContainerLimits): Setting[] {
  if (limits.memoryBytes <= 0) return [];
  const bytes = `${limits.memoryBytes}`;
  if (version === 1) {
    return [required("memory.limit_in_bytes", bytes), optional("memory.memsw.limit_in_bytes", bytes)];
  }
  return [required("memory.max", bytes), optional("memory.swap.max", "0"), optional("memory.oom.group", "1")];
}

function required(file: string, value: string): Setting {
  return { file, value, optional: false };
}

function optional(file: string, value: string): Setting {
  return { file, value, optional: true };
}
