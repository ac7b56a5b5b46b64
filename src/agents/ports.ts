// What the agent needs of the machine beyond the kernel's ports and the Runtime: folders for its tasks and their data.
import type { VolumePlace } from "./volume-places.ts";

/** Sandboxes on the host's file system. Paths are those of `sandbox-layout`, relative to the agent's work folder. */
export interface Sandboxes {
  /**
   * Creates the folder with its parents, gives it to the user and points the `latest` link beside it to it. Resolves to
   * its absolute path. Rejects with a text for the framework (unknown user, disk full). Idempotent.
   */
  create(relativePath: string, user: string | null): Promise<string>;
  /** Absolute path of a sandbox, whether or not it is there. */
  absolute(relativePath: string): string;
  /** No error if it is not there. */
  remove(relativePath: string): Promise<void>;
}

/** Directories of persistent volumes. Both operations may be repeated, and are durable when they resolve. */
export interface Volumes {
  absolute(path: string): string;
  /** Leaves what is there. Rejects with a text for the framework (disk full, disk not mounted). */
  make(place: VolumePlace): Promise<void>;
  /** With all that is in it, whatever a task has left there; nothing outside of it is touched. */
  remove(place: VolumePlace): Promise<void>;
}
