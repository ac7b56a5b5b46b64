// SHA-256 by Node's OpenSSL, for the core's port.
import { createHash } from "node:crypto";
import type { Hash } from "../kernel/ports.ts";

export function nodeHash(): Hash {
  return createHash("sha256");
}
