// Whether the archive works. After a fault it is tried again, at growing intervals and without end; that it fails and that it
// works again is said once each.
import type { Clock, Timer, Tracer } from "../kernel/ports.ts";
import { archiveRetryMsMax, archiveRetryMsMin } from "./limits.ts";

export type ArchiveHealth =
  | { readonly kind: "working" }
  /** `sinceMs`: wall time, milliseconds since the Unix epoch. `why`: of the newest fault. */
  | { readonly kind: "failing"; readonly why: string; readonly sinceMs: number; readonly tries: number };

interface Failing {
  readonly sinceMs: number;
  why: string;
  isNoSpace: boolean;
  tries: number;
}

export class HealthOfArchive {
  readonly #clock: Clock;
  readonly #tracer: Tracer;
  readonly #retry: () => void;
  #failing: Failing | undefined;
  /** While it runs nothing is tried. */
  #pause: Timer | undefined;
  #isStopped = false;

  /** @param retry called when it is time to try again; to be answered by `failed` or `works` */
  constructor(clock: Clock, tracer: Tracer, retry: () => void) {
    this.#clock = clock;
    this.#tracer = tracer;
    this.#retry = retry;
  }

  get health(): ArchiveHealth {
    if (this.#failing === undefined) return { kind: "working" };
    const { why, sinceMs, tries } = this.#failing;
    return { kind: "failing", why, sinceMs, tries };
  }

  get isFailing(): boolean {
    return this.#failing !== undefined;
  }

  /** The disk was full when it was last written to: what is left of it belongs to the log. */
  get lacksSpace(): boolean {
    return this.#failing?.isNoSpace === true;
  }

  /** False between a fault and the next try. */
  get mayTry(): boolean {
    return this.#pause === undefined;
  }

  failed(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    const isNoSpace = isNoSpaceError(error);
    if (this.#failing === undefined) {
      this.#failing = { sinceMs: this.#clock.wallMs(), why, isNoSpace, tries: 0 };
      const consequence = "nothing is compressed until it works again; it is tried on";
      this.#tracer.warn("log.archiveFailed", { why, consequence });
    }
    this.#failing.why = why;
    this.#failing.isNoSpace = isNoSpace;
    if (this.#pause === undefined && !this.#isStopped) this.#wait(this.#failing);
  }

  works(): void {
    if (this.#failing === undefined) return;
    const { sinceMs, tries } = this.#failing;
    this.#failing = undefined;
    this.#tracer.info("log.archiveWorks", { afterMs: this.#clock.wallMs() - sinceMs, tries });
  }

  stop(): void {
    this.#isStopped = true;
    this.#pause?.cancel();
  }

  #wait(failing: Failing): void {
    const delayMs = Math.min(archiveRetryMsMax, archiveRetryMsMin * 2 ** failing.tries);
    failing.tries += 1;
    this.#pause = this.#clock.after(delayMs, () => {
      this.#pause = undefined;
      this.#retry();
    });
  }
}

export function isNoSpaceError(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOSPC" || code === "EDQUOT";
}
