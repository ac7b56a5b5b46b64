// Persistent volumes of the agent (RV08). The cluster says which there are to be; a record of each is durable before its
// directory is made or its data are removed, so that what a crash interrupts is done after the restart. Nothing is removed
// while a container uses it, and no container starts before its volumes are made.
import type { AgentVolume, AgentVolumes } from "../contract/agent-protocol.ts";
import { assertNever } from "../kernel/assert.ts";
import type { ContainerId } from "../kernel/ids.ts";
import { ok, type Result } from "../kernel/result.ts";
import { type Core, forgetVolume, perform, saveRegistration, saveVolume, tasksIn } from "./core.ts";
import { VOLUME_RETRY_MS } from "./limits.ts";
import { isSameVolume, isTerminal, type VolumeIdentity, type VolumeRecord } from "./records.ts";
import { placeOf, type VolumePlace, type VolumeUse } from "./volume-places.ts";

type Wanted = VolumeIdentity & VolumePlace;

/** What the cluster says counts. What it does not name any more is destroyed. */
export function takeVolumes(core: Core, { registration, asOf, volumes }: AgentVolumes): void {
  if (core.registration !== registration) {
    setAsideVolumes(core);
    saveRegistration(core, registration);
  }
  for (const record of core.volumes.values()) if (record.knownBy === registration) takeBack(core, record);
  const wanted = new Map<string, Wanted>();
  for (const volume of volumes) {
    const place = findPlace(core, volume);
    if (place.ok) wanted.set(place.value.path, { ...identityOf(volume), ...place.value });
    else core.tracer.error("volume refused", { role: volume.role, id: volume.id, reason: place.error });
  }
  for (const record of core.volumes.values()) {
    if (!wanted.has(record.path)) giveUp(core, record, asOf);
  }
  for (const volume of wanted.values()) want(core, volume, asOf);
}

/** The cluster that knows the volume is back: what it says of it counts again. */
function takeBack(core: Core, record: VolumeRecord): void {
  delete record.knownBy;
  record.phase = "making";
  saveVolume(core, record);
}

/** A cluster that was recovered from an older state does not know what was made after that: it did not destroy it. */
function giveUp(core: Core, record: VolumeRecord, asOf: number): void {
  if (record.identity.since > asOf) setAside(core, record);
  else destroy(core, record);
}

/** One that is there stays where it is, whatever has become of the agent's settings. */
function findPlace(core: Core, volume: AgentVolume): Result<VolumePlace, string> {
  const [record] = findVolumes(core, [volume]) ?? [];
  const isThere = record?.phase === "ready" && isSameVolume(record.identity, volume);
  return isThere ? ok(record) : placeOf(volume, core.settings.info.resources ?? []);
}

function identityOf({ role, id, since }: AgentVolume): VolumeIdentity {
  return { role, id, since };
}

/** The cluster does not know the agent's volumes: nobody said that their data may go. */
export function setAsideVolumes(core: Core): void {
  for (const record of core.volumes.values()) {
    if (core.registration !== null && (record.phase === "making" || record.phase === "ready")) {
      record.knownBy = core.registration;
    }
    setAside(core, record);
  }
}

function setAside(core: Core, record: VolumeRecord): void {
  record.next = null;
  if (record.phase === "making" || record.phase === "ready") {
    core.tracer.warn("volume kept, the cluster does not know it", { path: record.path });
    record.phase = "kept";
  }
  saveVolume(core, record);
}

function destroy(core: Core, record: VolumeRecord): void {
  if (record.phase === "kept") return;
  if (record.phase === "removing" && record.next === null) return;
  record.phase = "removing";
  record.next = null;
  saveVolume(core, record);
  advance(core, record);
}

/**
 * What lies there of another volume is removed first; but what was made under the same id after the state that the cluster
 * was recovered from is taken for the volume: of the one before it nothing is left.
 */
function want(core: Core, { path, mounted, ...identity }: Wanted, asOf: number): void {
  const record = core.volumes.get(path);
  if (record === undefined) {
    const fresh: VolumeRecord = { path, mounted, identity, phase: "making", next: null };
    saveVolume(core, fresh);
    advance(core, fresh);
    return;
  }
  const due = record.phase === "removing" ? record.next : record.phase === "kept" ? null : record.identity;
  if (due !== null && isLater(due, identity, asOf)) take(core, record, identity);
  if (due !== null && (isSameVolume(due, identity) || isLater(due, identity, asOf))) {
    advance(core, record);
    return;
  }
  record.phase = "removing";
  record.next = identity;
  saveVolume(core, record);
  advance(core, record);
}

function take(core: Core, record: VolumeRecord, identity: VolumeIdentity): void {
  if (record.phase === "removing") record.next = identity;
  else record.identity = identity;
  saveVolume(core, record);
}

function isLater(due: VolumeIdentity, { role, id }: VolumeIdentity, asOf: number): boolean {
  return due.role === role && due.id === id && due.since > asOf;
}

/** After a start: what was under way when the agent ended. */
export function resumeVolumes(core: Core): void {
  for (const record of core.volumes.values()) advance(core, record);
}

/** Has the next thing done that is to be done to the volume, unless something is under way or in the way. */
export function advance(core: Core, record: VolumeRecord): void {
  const { path, mounted, phase } = record;
  if (core.volumesBusy.has(path)) return;
  switch (phase) {
    case "making":
      core.volumesBusy.add(path);
      perform(core, { do: "make-volume", place: { path, mounted } });
      return;
    case "removing":
      if (isUsed(core, path)) return;
      core.volumesBusy.add(path);
      perform(core, { do: "remove-volume", place: { path, mounted } });
      return;
    case "ready":
    case "kept":
      return;
    default:
      assertNever(phase);
  }
}

/** When the deadline `volume:<path>` has passed. */
export function retryVolume(core: Core, path: string): void {
  const record = core.volumes.get(path);
  if (record !== undefined) advance(core, record);
}

export function volumeMade(core: Core, path: string): void {
  const record = settled(core, path);
  if (record === undefined) return;
  if (record.phase === "making") {
    record.phase = "ready";
    saveVolume(core, record);
    launchWaiting(core);
  } else advance(core, record);
}

/** @returns containers that have waited for one that is not made again */
export function volumeRemoved(core: Core, path: string): readonly ContainerId[] {
  const record = settled(core, path);
  if (record?.phase !== "removing") return [];
  if (record.next === null) {
    forgetVolume(core, path);
    return waitingFor(core, path);
  }
  record.identity = record.next;
  record.next = null;
  record.phase = "making";
  saveVolume(core, record);
  advance(core, record);
  return [];
}

function settled(core: Core, path: string): VolumeRecord | undefined {
  core.volumesBusy.delete(path);
  core.deadlines.clear(`volume:${path}`);
  return core.volumes.get(path);
}

/** It is tried again after a while. @returns containers that have waited for it and must not wait on */
export function volumeFailed(core: Core, path: string, message: string): readonly ContainerId[] {
  const record = settled(core, path);
  if (record === undefined) return [];
  core.tracer.error("volume failed", { path, phase: record.phase, message });
  core.deadlines.set(`volume:${path}`, core.now.monotonicMs + VOLUME_RETRY_MS);
  return waitingFor(core, path);
}

function waitingFor(core: Core, path: string): readonly ContainerId[] {
  return [...core.waiting.keys()].filter((id) => neededBy(core, id).includes(path));
}

/** The records of what a container is to use; null if the agent does not know one of them. */
export function findVolumes(
  core: Core,
  uses: readonly Pick<VolumeUse, "role" | "id">[],
): readonly VolumeRecord[] | null {
  const found: VolumeRecord[] = [];
  for (const { role, id } of uses) {
    const record = [...core.volumes.values()].find((volume) => names(volume, role, id));
    if (record === undefined) return null;
    found.push(record);
  }
  return found;
}

function names({ phase, identity, next }: VolumeRecord, role: string, id: string): boolean {
  const due = phase === "removing" ? next : phase === "kept" ? null : identity;
  return due !== null && due.role === role && due.id === id;
}

/** Starts the container as soon as its volumes are made. */
export function launchWithVolumes(core: Core, id: ContainerId, user: string | null): void {
  core.waiting.set(id, user);
  for (const path of neededBy(core, id)) retryVolume(core, path);
  launchWaiting(core);
}

function launchWaiting(core: Core): void {
  for (const id of [...core.waiting.keys()]) {
    if (areReady(core, neededBy(core, id))) launchNow(core, id);
  }
}

/** A container that is to end is launched no more: the driver sees to that. */
export function launchNow(core: Core, id: ContainerId): void {
  const user = core.waiting.get(id);
  const container = core.containers.get(id);
  if (user === undefined || !core.waiting.delete(id) || container === undefined) return;
  perform(core, { do: "launch", container, user });
}

/** Something that used them has ended: what was to be destroyed goes now, unless others use it. */
export function releaseVolumes(core: Core, paths: readonly string[] | undefined): void {
  for (const path of paths ?? []) retryVolume(core, path);
}

/** By a container that has been launched or is about to be, and has not ended. One that waits does not use it yet. */
export function isUsed(core: Core, path: string): boolean {
  for (const { containerId, phase } of core.containers.values()) {
    if (phase === "ended" || core.waiting.has(containerId)) continue;
    if (neededBy(core, containerId).includes(path)) return true;
  }
  return false;
}

/** By the container itself, and by what runs in it. */
function neededBy(core: Core, id: ContainerId): readonly string[] {
  const own = core.containers.get(id)?.volumes ?? [];
  const tasks = tasksIn(core, id).filter(({ state, attaching }) => !isTerminal(state) && attaching !== true);
  return [...own, ...tasks.flatMap(({ volumes = [] }) => volumes)];
}

export function areReady(core: Core, paths: readonly string[] | undefined): boolean {
  return (paths ?? []).every((path) => core.volumes.get(path)?.phase === "ready");
}
