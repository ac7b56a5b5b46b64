// Every bound of the log in one place.

export interface LogLimits {
  /** A segment is closed before it would grow beyond this. */
  readonly segmentBytesMax: number;
  /** Payload of one entry. */
  readonly entryBytesMax: number;
  /** Records gathered for one write and one sync. At least one entry of the greatest size must fit. */
  readonly batchBytesMax: number;
  /** Appended but not yet durable; more than this is the caller's error, who must watch `pendingBytes`. */
  readonly pendingBytesMax: number;
  /** Zeros written ahead of the end, so that most syncs need not change the file's size; 0 writes none ahead. */
  readonly preallocateBytes: number;
  /** Content of one checksummed block of a snapshot; also the unit in which it is read. */
  readonly snapshotBlockBytes: number;
  /** Newest snapshots that are kept. */
  readonly snapshotsKept: number;
  /** Newest files that are kept of those put aside because they were damaged. */
  readonly damagedFilesKept: number;
}

const mebibyte = 1024 * 1024;

export const defaultLogLimits: LogLimits = {
  segmentBytesMax: 64 * mebibyte,
  entryBytesMax: 8 * mebibyte,
  batchBytesMax: 16 * mebibyte,
  pendingBytesMax: 128 * mebibyte,
  preallocateBytes: mebibyte,
  snapshotBlockBytes: 256 * 1024,
  snapshotsKept: 2,
  damagedFilesKept: 16,
};

/** UTF-16 code units of a member's id: it has to fit into a segment's header. */
export const memberIdUnitsMax = 200;

/** Of a file that the device cannot read as a whole so much is read at once, to find the place. */
export const unreadablePieceBytes = 4096;
/** How often one such piece is tried before it counts as lost. */
export const unreadableTriesMax = 3;

/** Characters of the name of the group that a log belongs to. */
export const groupCharactersMax = 64;

/** What the archive and an exported file compress at once. */
export const packedPieceBytes = mebibyte;
/** An archive that failed is tried again after so long at first, then after twice as long each time … */
export const archiveRetryMsMin = 1000;
/** … up to this. */
export const archiveRetryMsMax = 300_000;
/** A compressed piece is never longer, whatever it held. */
export const packedPieceBytesMax = 2 * mebibyte;
