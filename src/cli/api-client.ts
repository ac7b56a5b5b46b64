// GET and POST of JSON to masters, for the commands that look at a cluster. Tries each address until one answers.
import { request } from "node:http";
import type { MasterStatus } from "./status.ts";

const ANSWER_TIMEOUT_MS = 5_000;
const ANSWER_BYTES_MAX = 512 * 1024 * 1024;

/** @throws Error that says which masters were asked and what to do */
export async function statusOfAny(masters: readonly string[]): Promise<MasterStatus> {
  const failures: string[] = [];
  for (const master of masters) {
    try {
      return (await getJson(`http://${master}/tepui/v1/status`)) as MasterStatus;
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(`no master answers (${failures.join("; ")}); give one with --master host:port`);
}

/** `host:port` of the leader's API, or null while there is none. */
export function leaderApi(status: MasterStatus): string | null {
  return status.leader?.apiAddress ?? null;
}

export async function getJson(url: string): Promise<unknown> {
  return JSON.parse(await exchange(url, "GET", undefined));
}

/** A call of the operator API on the leader. */
export async function operatorCall(
  leader: string,
  call: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  return JSON.parse(await exchange(`http://${leader}/api/v1`, "POST", JSON.stringify(call)));
}

async function exchange(url: string, method: string, body: string | undefined): Promise<string> {
  const answer = await ask(url, method, body);
  if (answer.status === 200) return answer.text;
  throw new Error(`${url} answered ${answer.status} ${answer.text}`);
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Rejects if there is no answer, or none within `timeoutMs`. */
export function ask(
  url: string,
  method: string,
  body: string | undefined,
  timeoutMs = ANSWER_TIMEOUT_MS,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers =
      body === undefined ? {} : { "Content-Type": "application/json", Accept: "application/json" };
    const outgoing = request(url, { method, headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on("data", (part: Buffer) => {
        size += part.length;
        if (size > ANSWER_BYTES_MAX) outgoing.destroy(new Error("the answer is too long"));
        else parts.push(part);
      });
      response.once("error", (error) => reject(new Error(`${url}: ${error.message}`)));
      response.once("end", () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString("utf8") });
      });
    });
    outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error("no answer in time")));
    outgoing.once("error", (error) => reject(new Error(`${url}: ${error.message || "no connection"}`)));
    outgoing.end(body);
  });
}
