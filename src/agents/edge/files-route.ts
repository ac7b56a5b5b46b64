// Files of sandboxes: GET /files/read (a piece as JSON, as Mesos' clients ask for it) and /files/download (bytes, with
// Range). Paths are those of the sandboxes on disk, or virtual: /frameworks/F/executors/E/runs/latest/… (SB02).
// Nothing outside the sandboxes is shown, whatever links a task has laid, and lays while we look.
import { constants } from "node:fs";
import { type FileHandle, open, readdir, readlink, realpath, stat } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join, sep } from "node:path";
import { err, ok, type Result } from "../../kernel/result.ts";
import { READ_BYTES_DEFAULT, READ_BYTES_MAX } from "../limits.ts";
import { answerJson, type Refusal, refuse, wrongMethod } from "./http-replies.ts";

const notFound: Refusal = { status: 404, text: "" };

/** @param workDirectory the agent's own; sandboxes are in its folder `slaves` */
export async function filesRoute(
  workDirectory: string,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const query = new URL(request.url ?? "/", "http://agent").searchParams;
  const wanted = query.get("path");
  if (request.method !== "GET") refuse(response, wrongMethod("GET", request.method ?? ""));
  else if (wanted === null || wanted === "")
    refuse(response, { status: 400, text: "Expecting 'path=value' in query.\n" });
  else {
    const file = await sandboxFile(join(workDirectory, "slaves"), wanted);
    if (file === null) refuse(response, notFound);
    else if (path === "/files/download") download(file, request, response);
    else await read(file, query, response).finally(() => file.handle.close());
  }
}

interface SandboxFile {
  /** Whoever takes the file closes it. */
  readonly handle: FileHandle;
  /** Bytes. */
  readonly size: number;
}

/** Null for what is not there, not a file, or not in a sandbox. */
async function sandboxFile(root: string, wanted: string): Promise<SandboxFile | null> {
  try {
    const home = await realpath(root);
    for (const candidate of await candidates(home, wanted)) {
      const file = await openWithin(home, candidate);
      if (file !== null) return file;
    }
  } catch {
    // The folder of sandboxes is not there yet.
  }
  return null;
}

/**
 * What counts is where the opened file is, as the kernel says it (agents run on Linux): any check by path, before or
 * after the opening, may look at something else than what was opened, because the task may swap a link in between.
 */
async function openWithin(home: string, candidate: string): Promise<SandboxFile | null> {
  if (!(await isFile(candidate))) return null;
  // Without waiting for a writer, should it have become a pipe.
  const handle = await open(candidate, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => null);
  if (handle === null) return null;
  try {
    const opened = await handle.stat();
    const place = await readlink(`/proc/self/fd/${handle.fd}`);
    if (opened.isFile() && place.startsWith(home + sep)) return { handle, size: opened.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return null;
}

/** Asked first, since the opening of a device can have effects. */
async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** A virtual path names no agent: every id this agent ever had may hold it. */
async function candidates(home: string, wanted: string): Promise<string[]> {
  if (!wanted.startsWith("/frameworks/")) return [wanted];
  return (await readdir(home)).map((agentId) => join(home, agentId, wanted));
}

function download(file: SandboxFile, request: IncomingMessage, response: ServerResponse): void {
  const match = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
  const start = Math.min(Number(match?.[1] ?? 0), file.size);
  response.writeHead(match === null ? 200 : 206, {
    "Content-Type": "application/octet-stream",
    "Content-Length": file.size - start,
    ...(match === null
      ? {}
      : { "Content-Range": `bytes ${start}-${Math.max(start, file.size - 1)}/${file.size}` }),
  });
  if (start === file.size) {
    response.end();
    file.handle.close().catch(() => undefined);
    return;
  }
  const stream = file.handle.createReadStream({ start, end: file.size - 1 });
  stream.once("error", () => response.destroy());
  stream.once("end", () => {
    // The task has cut its file meanwhile: the length that was announced cannot be kept.
    if (stream.bytesRead < file.size - start) response.destroy();
  });
  response.once("close", () => stream.destroy());
  stream.pipe(response);
}

async function read(file: SandboxFile, query: URLSearchParams, response: ServerResponse): Promise<void> {
  const range = rangeOf(query);
  if (!range.ok) {
    refuse(response, range.error);
    return;
  }
  const { offset, length } = range.value;
  if (offset === -1) {
    answerJson(response, { data: "", offset: file.size });
    return;
  }
  const bytes = await piece(file, offset, length);
  answerJson(response, { data: bytes.toString("utf8"), offset });
}

/** Offset -1 asks for the size (as Mesos' web UI does); length is bounded by READ_BYTES_MAX. */
function rangeOf(
  query: URLSearchParams,
): Result<{ readonly offset: number; readonly length: number }, Refusal> {
  const offset = Number(query.get("offset") ?? -1);
  const length = Number(query.get("length") ?? READ_BYTES_DEFAULT);
  if (!Number.isSafeInteger(offset) || offset < -1)
    return err({ status: 400, text: `Invalid offset: ${query.get("offset")}.\n` });
  if (!Number.isSafeInteger(length) || length < -1)
    return err({ status: 400, text: `Invalid length: ${query.get("length")}.\n` });
  return ok({ offset, length: length === -1 ? READ_BYTES_DEFAULT : Math.min(length, READ_BYTES_MAX) });
}

async function piece(file: SandboxFile, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(Math.max(0, Math.min(length, file.size - offset)));
  const { bytesRead } = await file.handle.read(buffer, 0, buffer.length, offset);
  return buffer.subarray(0, bytesRead);
}
