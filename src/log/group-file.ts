// The group that the log belongs to, as its owner says: a name that is still known when the log itself is damaged. One sector,
// replaced as a whole; one that cannot be read says nothing. What the name means is not the log's.
import type { Disk } from "../kernel/ports.ts";
import { crc32c } from "./crc32c.ts";
import { sectorBytes } from "./format.ts";
import { groupCharactersMax } from "./limits.ts";
import { temporarySuffix } from "./snapshot-format.ts";

const magic = bytesOf("TEPUIGRP");
const groupVersion = 1;
const versionAt = magic.length;
const lengthAt = versionAt + 1;
const nameAt = lengthAt + 1;
const checksumAt = sectorBytes - 4;

export function groupPath(directory: string): string {
  return `${directory}/group`;
}

/** Undefined if there is none, or none that can be read. */
export async function readGroupFile(disk: Disk, directory: string): Promise<string | undefined> {
  try {
    const bytes = await disk.read(groupPath(directory));
    return bytes === undefined ? undefined : decode(bytes);
  } catch {
    return undefined;
  }
}

/** Durable when it resolves. */
export async function writeGroupFile(disk: Disk, directory: string, name: string): Promise<void> {
  const path = groupPath(directory);
  const temporary = `${path}${temporarySuffix}`;
  const file = await disk.open(temporary);
  try {
    await file.truncate(0);
    await file.write(0, encode(name));
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, path);
  await disk.syncDirectory(directory);
}

/** True for 1 to groupCharactersMax characters of ASCII. */
export function isGroupName(name: string): boolean {
  return name.length > 0 && name.length <= groupCharactersMax && /^[\x21-\x7e]+$/.test(name);
}

function encode(name: string): Uint8Array {
  const bytes = new Uint8Array(sectorBytes);
  bytes.set(magic);
  bytes[versionAt] = groupVersion;
  bytes[lengthAt] = name.length;
  bytes.set(bytesOf(name), nameAt);
  new DataView(bytes.buffer).setUint32(checksumAt, crc32c(bytes, 0, checksumAt), true);
  return bytes;
}

function decode(bytes: Uint8Array): string | undefined {
  if (bytes.length < sectorBytes || !magic.every((byte, at) => bytes[at] === byte)) return undefined;
  const checksum = new DataView(bytes.buffer, bytes.byteOffset).getUint32(checksumAt, true);
  if (checksum !== crc32c(bytes, 0, checksumAt) || bytes[versionAt] !== groupVersion) return undefined;
  const name = String.fromCharCode(...bytes.subarray(nameAt, nameAt + (bytes[lengthAt] ?? 0)));
  return isGroupName(name) ? name : undefined;
}

/** @param text ASCII */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
