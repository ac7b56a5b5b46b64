// Reads a task's files from its agent (`/files/read`, as Mesos' web UI and CLI do).
import { request } from "node:http";
import type { SandboxAddress } from "./run-tasks.ts";

/** Bytes asked for at once. */
const PIECE_BYTES = 65_536;

/** The text of a sandbox file from `offset` (bytes) on: "" if there is nothing more yet. @throws Error if it cannot be read */
export async function readSandboxFile(sandbox: SandboxAddress, name: string, offset = 0): Promise<string> {
  const query = new URLSearchParams({
    path: `${sandbox.path}/${name}`,
    offset: String(offset),
    length: String(PIECE_BYTES),
  });
  const body = await get(`http://${sandbox.agent}/files/read?${query}`);
  const answer: unknown = JSON.parse(body);
  const data = typeof answer === "object" && answer !== null && "data" in answer ? answer.data : undefined;
  if (typeof data !== "string") throw new Error(`the agent's answer for ${name} has no data`);
  return data;
}

/** The whole file. */
export async function readWholeSandboxFile(sandbox: SandboxAddress, name: string): Promise<string> {
  let text = "";
  let offset = 0;
  for (;;) {
    const piece = await readSandboxFile(sandbox, name, offset);
    if (piece === "") return text;
    text += piece;
    offset += Buffer.byteLength(piece);
  }
}

function get(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { timeout: 10_000 }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.once("end", () => {
        const text = Buffer.concat(parts).toString("utf8");
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${url}: ${response.statusCode} ${text}`));
      });
      response.once("error", reject);
    });
    outgoing.once("timeout", () => outgoing.destroy(new Error("the agent does not answer")));
    outgoing.once("error", reject);
    outgoing.end();
  });
}
