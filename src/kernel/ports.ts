// The outside world, as the core sees it: types only. `src/host` has the real twins, `simulations` the virtual ones;
// both pass the same conformance suites. Nothing in the core reaches time, randomness, disk or network but by these.
import type { Millis } from "./ids.ts";

/** Time and timers. */
export interface Clock {
  /** Wall time, milliseconds since the Unix epoch; may be stepped by an operator or NTP. */
  wallMs(): Millis;
  /** Milliseconds since an arbitrary start; never goes backwards. */
  monotonicMs(): Millis;
  /** Runs the action once, no earlier than `delayMs` from now. */
  after(delayMs: number, action: () => void): Timer;
}

export interface Timer {
  /** After this the action will not run. Harmless when it has run already. */
  cancel(): void;
}

/** A source of numbers: a seeded generator in simulations, the operating system's in production. */
export interface Random {
  /** Uniform in [0, 2^32). */
  uint32(): number;
}

/**
 * A folder on a durable device. Paths are relative to it and use "/". An operation that fails rejects; a failed
 * `sync` leaves it unknown what is on the disk, so the caller must end the process (invariant 1 of the design).
 */
export interface Disk {
  /** Names in a folder, in no particular order; empty if the folder does not exist. */
  list(directory: string): Promise<readonly string[]>;
  /** The whole file, or undefined if there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Opens for reading and writing; creates an empty file if there is none. */
  open(path: string): Promise<DiskFile>;
  /** Replaces `to` atomically. Durable only after syncDirectory. */
  rename(from: string, to: string): Promise<void>;
  /** No error if there is no such file. */
  remove(path: string): Promise<void>;
  /** Creates the folder and its parents, durably. The root is "". */
  makeDirectory(directory: string): Promise<void>;
  /** Makes creations, renames and removals in the folder durable. */
  syncDirectory(directory: string): Promise<void>;
}

export interface DiskFile {
  /** Bytes. */
  size(): Promise<number>;
  /** Up to `length` bytes from `offset`; shorter at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /**
   * Writes and returns when these bytes are durable, and so is what is needed to find them: `write` and `sync` in one
   * call of the system, where there is one. Says nothing of what other writes left unsynced.
   */
  writeDurably?(offset: number, bytes: Uint8Array): Promise<void>;
  truncate(size: number): Promise<void>;
  /** Returns when all that was written is durable (fdatasync). */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Connections that carry whole frames in order, or break. What was sent before a break may or may not arrive. */
export interface Network {
  /** Begins to connect. `handler.onClose` is called if it fails. Never throws. */
  dial(address: string, handler: ConnectionHandler): Connection;
  listen(address: string, accept: (connection: Connection) => ConnectionHandler): Promise<Listener>;
}

export interface Connection {
  /** Queues a frame; ignored once closed. Frames sent before the connection opened are kept and sent then. */
  send(frame: Uint8Array): void;
  /** Bytes queued but not yet handed to the network: the sender's measure for flow control. */
  bufferedBytes(): number;
  /**
   * Names that the network has proved to be the other side's, once the connection is open. Missing, or undefined, where
   * the network proves nothing.
   */
  peerNames?(): readonly string[] | undefined;
  /** Closes without a call of onClose on this side. */
  close(): void;
}

export interface ConnectionHandler {
  onOpen?(): void;
  /** Longest frame that is taken now, in bytes; a longer one ends the connection. Missing: the network's own bound. */
  frameBytesMax?(): number;
  onFrame(frame: Uint8Array): void;
  /**
   * Called once, whoever closed, unless this side called close(). `isRefused`: this side dialled, and the machine there
   * answered that nobody listens; of a machine that does not answer nothing is known.
   */
  onClose(reason: string, isRefused?: boolean): void;
}

export interface Listener {
  /** The address that peers dial, with the port that was really taken. */
  readonly address: string;
  close(): Promise<void>;
}

/** SHA-256 of bytes that come in pieces. */
export interface Hash {
  update(bytes: Uint8Array): unknown;
  /** Once, at the end: 32 bytes. */
  digest(): Uint8Array;
}

export type NewHash = () => Hash;

/** Structured log lines. `trace` is cheap to call with a disabled level: it takes values, not text. */
export interface Tracer {
  debug(event: string, facts?: Readonly<Record<string, unknown>>): void;
  info(event: string, facts?: Readonly<Record<string, unknown>>): void;
  warn(event: string, facts?: Readonly<Record<string, unknown>>): void;
  error(event: string, facts?: Readonly<Record<string, unknown>>): void;
}

/** For tests and tools that want no log lines. */
export const silentTracer: Tracer = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
