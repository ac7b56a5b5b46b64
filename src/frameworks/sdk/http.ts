// One request to one master: opens it, tells redirects from answers, and hands on the stream of a subscription.
import { Agent, type IncomingMessage, request } from "node:http";
import { FrameworkError } from "./errors.ts";
import { ANSWER_BODY_TIMEOUT_MS, ANSWER_BYTES_MAX, REQUEST_TIMEOUT_MS } from "./limits.ts";

export const SCHEDULER_PATH = "/api/v1/scheduler";

export interface Answer {
  readonly status: number;
  /** `host:port` out of a Location header. */
  readonly leader: string | undefined;
  readonly streamId: string | undefined;
  readonly response: IncomingMessage;
}

/** Connections are kept open for calls; the stream has one of its own. */
export function createCallAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 8 });
}

/** @throws FrameworkError "connection-lost" when there is no answer; the status is for the caller to judge */
export function post(
  master: string,
  body: Uint8Array | string,
  headers: Readonly<Record<string, string>>,
  options: { readonly agent?: Agent; readonly signal?: AbortSignal } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const url = `http://${master}${SCHEDULER_PATH}`;
    if (!URL.canParse(url)) {
      reject(new FrameworkError("connection-lost", `"${master}" is no address of the form host:port`));
      return;
    }
    const outgoing = request(url, { method: "POST", headers, agent: false, ...options });
    const timer = setTimeout(() => outgoing.destroy(new Error("no answer in time")), REQUEST_TIMEOUT_MS);
    outgoing.once("response", (response) => {
      clearTimeout(timer);
      resolve({
        status: response.statusCode ?? 0,
        leader: leaderOf(response.headers.location),
        streamId: header(response, "mesos-stream-id"),
        response,
      });
    });
    outgoing.once("error", (error) => {
      clearTimeout(timer);
      reject(new FrameworkError("connection-lost", `${master}: ${error.message}`));
    });
    outgoing.end(body);
  });
}

/** The text of an answer, cut at ANSWER_BYTES_MAX and ANSWER_BODY_TIMEOUT_MS; never throws. */
export async function textOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(() => response.destroy(), ANSWER_BODY_TIMEOUT_MS);
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      size += part.length;
      if (size <= ANSWER_BYTES_MAX) parts.push(part);
    }
  } catch {
    // The text only explains a status that is known already.
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(parts).toString("utf8");
}

function header(response: IncomingMessage, name: string): string | undefined {
  const value = response.headers[name];
  return typeof value === "string" ? value : undefined;
}

/** Mesos gives `//host:port/path`; `http://host:port/path` is understood too. */
function leaderOf(location: string | undefined): string | undefined {
  if (location === undefined) return undefined;
  const match = /^(?:https?:)?\/\/([^/]+)/.exec(location);
  return match?.[1];
}
