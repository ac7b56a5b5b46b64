// How the codecs give up on bad input from deep within: thrown and caught inside this folder only.

/** Input that is no message; `message` says why in Mesos' words. Never leaves codec.ts. */
export class WireError extends Error {}

export function fail(reason: string): never {
  throw new WireError(reason);
}
