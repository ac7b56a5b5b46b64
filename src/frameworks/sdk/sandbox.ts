// Reads a task's files from its agent (`/files/download`, from any byte on).
import { request } from "node:http";
import type { SandboxAddress } from "./run-tasks.ts";

/** The agent does not answer. Milliseconds. */
const ANSWER_TIMEOUT_MS = 10_000;
/** More of one file is not taken into memory at once. Bytes. */
const FILE_BYTES_MAX = 256 * 1024 * 1024;

/**
 * The bytes of a sandbox file from `offset` on, FILE_BYTES_MAX at the most; empty if there is nothing more yet.
 * @throws Error if it cannot be read
 */
export function readSandboxFile(sandbox: SandboxAddress, name: string, offset = 0): Promise<Buffer> {
  const query = new URLSearchParams({ path: `${sandbox.path}/${name}` });
  const url = `http://${sandbox.agent}/files/download?${query}`;
  return new Promise((resolve, reject) => {
    const headers = { Range: `bytes=${offset}-` };
    const outgoing = request(url, { headers, timeout: ANSWER_TIMEOUT_MS, agent: false }, (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on("data", (part: Buffer) => {
        size += part.length;
        parts.push(part);
        if (size < FILE_BYTES_MAX || !isFile(response.statusCode)) return;
        resolve(Buffer.concat(parts).subarray(0, FILE_BYTES_MAX));
        outgoing.destroy();
      });
      response.once("end", () => {
        const bytes = Buffer.concat(parts);
        if (isFile(response.statusCode)) resolve(bytes);
        else reject(new Error(`${url}: ${response.statusCode} ${bytes.toString("utf8")}`));
      });
      response.once("error", reject);
    });
    outgoing.once("timeout", () => outgoing.destroy(new Error(`${sandbox.agent} does not answer`)));
    outgoing.once("error", reject);
    outgoing.end();
  });
}

function isFile(status: number | undefined): boolean {
  return status === 206 || status === 200;
}
