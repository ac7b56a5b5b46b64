// What can go wrong between a framework and its master, as one class with closed codes.

export type FrameworkErrorCode =
  /** There is no subscription at the moment; the SDK is subscribing again. The call has had no effect. */
  | "not-connected"
  /** The connection broke while the call was under way: it may have taken effect. Reconcile. */
  | "connection-lost"
  /** The master refused the call (a 4xx status, or 501). Nothing has changed. */
  | "refused"
  /** An ERROR event: the framework is not to go on (removed, failed over, not allowed). */
  | "fatal"
  /** stop() was called. */
  | "stopped";

export class FrameworkError extends Error {
  readonly code: FrameworkErrorCode;
  /** The HTTP status, where there was one. */
  readonly status: number | undefined;

  constructor(code: FrameworkErrorCode, message: string, status?: number) {
    super(message);
    this.name = "FrameworkError";
    this.code = code;
    this.status = status;
  }
}
