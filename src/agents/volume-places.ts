// Where persistent volumes lie (RV08, RV09), and where a container sees them. What names a volume is checked here once
// more before it becomes a path, whoever has checked it before.
import type { AgentVolume } from "../contract/agent-protocol.ts";
import type { Resource } from "../contract/types.ts";
import { err, ok, type Result } from "../kernel/result.ts";
import { VOLUME_NAME_CHARACTERS_MAX } from "./limits.ts";

/** What a task says of a volume that it uses. */
export interface VolumeUse {
  readonly role: string;
  readonly id: string;
  readonly containerPath: string;
  readonly readOnly: boolean;
}

export interface VolumePlace {
  /** Absolute, or below the agent's work folder. */
  readonly path: string;
  /** A whole disk (MOUNT): its mount point is not ours to make or remove. */
  readonly mounted: boolean;
}

/** @param disks the agent's own resources: a disk that they do not name has no volumes here */
export function placeOf(volume: AgentVolume, disks: readonly Resource[]): Result<VolumePlace, string> {
  const { role, id, source } = volume;
  if (!isName(id)) return err(`"${id}" is no good name of a folder`);
  if (!role.split("/").every(isName) || role.includes(" ")) return err(`"${role}" is no good role`);
  if (source === null) return ok({ path: folderBelow("", role, id), mounted: false });
  const { type, root } = source;
  if (type !== "PATH" && type !== "MOUNT") return err(`volumes on ${type} disks are not supported`);
  if (!isOwnDisk(disks, type, root)) return err(`the agent has no ${type} disk at "${root}"`);
  const bare = root.length > 1 ? root.replace(/\/+$/, "") : root;
  return type === "MOUNT"
    ? ok({ path: bare, mounted: true })
    : ok({ path: folderBelow(bare, role, id), mounted: false });
}

/** A role's slashes are spaces, as Mesos has it: no role holds a space. */
function folderBelow(root: string, role: string, id: string): string {
  const folder = `volumes/roles/${role.replaceAll("/", " ")}/${id}`;
  return root === "" ? folder : `${root}/${folder}`;
}

function isOwnDisk(disks: readonly Resource[], type: "PATH" | "MOUNT", root: string): boolean {
  return disks.some(({ disk }) => {
    const source = disk?.source;
    if (source?.type !== type) return false;
    return root !== "" && (type === "PATH" ? source.path?.root : source.mount?.root) === root;
  });
}

function isName(name: string): boolean {
  const safe = name !== "" && name !== "." && name !== ".." && !/[/\\\p{Cc}]/u.test(name);
  return safe && name.length <= VOLUME_NAME_CHARACTERS_MAX;
}

/**
 * Persistent volumes among the resources of a task or executor, in either format of reservations (RV07). One without a size
 * is none: nobody counts it, so nobody has looked whether it may be used.
 */
export function volumeUses(resources: readonly Resource[]): readonly VolumeUse[] {
  return resources.flatMap((resource) => {
    const { role, reservations = [], disk } = resource;
    const id = disk?.persistence?.id;
    if (id === undefined || !hasSize(resource)) return [];
    const { container_path: containerPath = "", mode } = disk?.volume ?? {};
    return [{ role: reservations.at(-1)?.role ?? role ?? "*", id, containerPath, readOnly: mode === "RO" }];
  });
}

/** Amounts are rounded to thousandths, as where they are counted (trap 38). */
function hasSize({ type, scalar }: Resource): boolean {
  return type === "SCALAR" && Math.round((scalar?.value ?? 0) * 1_000) > 0;
}

/** Why the uses cannot be, or null. An absolute path leads into the root of an image. */
export function faultOfUses(uses: readonly VolumeUse[], hasImage: boolean): string | null {
  const targets = new Set<string>();
  for (const { id, containerPath } of uses) {
    const target = normalTarget(containerPath);
    if (target === null) {
      return `The container_path "${containerPath}" of persistent volume "${id}" is no path within the container`;
    }
    if (target.startsWith("/") && !hasImage) {
      return `The container_path "${containerPath}" of persistent volume "${id}" is absolute, which needs an image`;
    }
    for (const other of targets) {
      if (isWithin(target, other) || isWithin(other, target)) {
        return `The container_path "${containerPath}" of persistent volume "${id}" is in the way of another volume`;
      }
    }
    targets.add(target);
  }
  return null;
}

/** Without needless parts; null for one that is empty or leads out of where it begins. */
export function normalTarget(containerPath: string): string | null {
  if (/\p{Cc}/u.test(containerPath)) return null;
  const parts = containerPath.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.length === 0 || parts.includes("..")) return null;
  return (containerPath.startsWith("/") ? "/" : "") + parts.join("/");
}

function isWithin(path: string, above: string): boolean {
  return path === above || path.startsWith(`${above}/`);
}
