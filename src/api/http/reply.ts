// Answers as data, and the one place that writes them. Headers stand in the order in which Mesos sends them: text has
// Content-Type before Content-Length, a legacy endpoint's JSON the other way round.
import type { ServerResponse } from "node:http";

export interface Reply {
  readonly status: number;
  /** Names and values in turn, without Date. */
  readonly headers: readonly string[];
  readonly body: string | Uint8Array;
}

const TEXT = "text/plain; charset=utf-8";

/** Nothing but a status. */
export function empty(status: number): Reply {
  return { status, headers: ["Content-Length", "0"], body: "" };
}

/** @param before headers that come ahead of the content's, name and value in turn */
export function text(status: number, body: string, before: readonly string[] = []): Reply {
  return {
    status,
    headers: [...before, "Content-Type", TEXT, "Content-Length", `${Buffer.byteLength(body)}`],
    body,
  };
}

export function badRequest(body: string): Reply {
  return text(400, body);
}

/** A message of the v1 API. */
export function message(contentType: string, body: Uint8Array): Reply {
  return {
    status: 200,
    headers: ["Content-Type", contentType, "Content-Length", `${body.byteLength}`],
    body,
  };
}

/** JSON of a legacy endpoint, wrapped into a call of `jsonp` if that is asked for. */
export function legacyJson(json: string, jsonp: string | null): Reply {
  const body = Buffer.from(jsonp === null ? json : `${jsonp}(${json});`);
  const type = jsonp === null ? "application/json" : "text/javascript";
  return { status: 200, headers: ["Content-Length", `${body.byteLength}`, "Content-Type", type], body };
}

/** @param location protocol-relative, such as `//host:5050/path` */
export function redirect(location: string): Reply {
  return { status: 307, headers: ["Location", location, "Content-Length", "0"], body: "" };
}

/** @param allowed one method, or several with `, ` between them */
export function methodNotAllowed(allowed: string, received: string): Reply {
  const quoted = allowed.replaceAll(", ", "', '");
  const body = `405 Method Not Allowed. Expecting one of { '${quoted}' }, but received '${received}'.`;
  return text(405, body, ["Allow", allowed]);
}

/** What has not been read of the body goes with the connection. */
export function tooLarge(bytesMax: number): Reply {
  return text(413, `The body exceeds ${bytesMax} bytes`, ["Connection", "close"]);
}

export function notFound(): Reply {
  return text(404, "404 Not Found.");
}

/** Writes the reply; nothing happens if the client has gone or has been answered. */
export function send(response: ServerResponse, reply: Reply, date: string): void {
  if (response.headersSent || response.destroyed) return;
  writeHead(response, reply.status, reply.headers, date);
  response.end(reply.body);
}

/** Date first, then the headers as they are, without the ones that Node would add. */
export function writeHead(
  response: ServerResponse,
  status: number,
  headers: readonly string[],
  date: string,
): void {
  response.sendDate = false;
  response.removeHeader("connection");
  response.writeHead(status, ["Date", date, ...headers]);
}
