// The agent's HTTP server: executor API, a small part of the operator API, health, version and state. Mesos' own prefix
// `/slave(1)` is understood.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Tracer } from "../../kernel/ports.ts";
import type { Agent } from "../agent-types.ts";
import { executorRoute } from "./executor-route.ts";
import { filesRoute } from "./files-route.ts";
import { answerJson, type Refusal, refuse, wrongMethod } from "./http-replies.ts";
import { operatorRoute } from "./operator-route.ts";

export interface AgentHttpOptions {
  readonly agent: Agent;
  readonly version: string;
  readonly tracer: Tracer;
  /** Address to listen on. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The agent's work folder, for files of sandboxes. */
  readonly workDirectory: string;
}

export interface AgentHttp {
  /** The port that was taken. */
  readonly port: number;
  /** Breaks every connection; executors subscribe again when the agent is back. */
  close(): Promise<void>;
}

/** Path of what `tepui state` shows of an agent: AgentStatus as JSON. */
const AGENT_STATE_PATH = "/tepui/v1/agent/state";

/** Rejects if the address cannot be listened on. */
export async function startAgentHttp(options: AgentHttpOptions): Promise<AgentHttp> {
  const server = createServer((request, response) => {
    route(options, request, response).catch((error: unknown) => {
      options.tracer.error("request failed", { path: request.url, error: String(error) });
      response.destroy();
    });
  });
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  return { port, close: () => close(server) };
}

function listen(server: Server, options: AgentHttpOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      server.on("error", (error) => options.tracer.error("agent.http", { reason: error.message }));
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function route(
  options: AgentHttpOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = pathOf(request);
  if (path === "/api/v1/executor") await executorRoute(options.agent, request, response);
  else if (path === "/api/v1") await operatorRoute(options.version, request, response);
  else if (path === "/files/read" || path === "/files/download") {
    await filesRoute(options.workDirectory, path, request, response);
  } else read(options, path, request, response);
}

function pathOf(request: IncomingMessage): string {
  const path = (request.url ?? "/").split("?")[0] ?? "/";
  return path.replace(/^\/slave\(1\)(?=\/)/, "").replace(/(?<=.)\/$/, "");
}

function read(
  options: AgentHttpOptions,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const answer = reads[path];
  if (answer === undefined) refuse(response, notFound);
  else if (request.method !== "GET" && request.method !== "HEAD")
    refuse(response, wrongMethod("GET", request.method ?? ""));
  else answer(options, response);
}

const notFound: Refusal = { status: 404, text: "" };

const reads: Readonly<Record<string, (options: AgentHttpOptions, response: ServerResponse) => void>> = {
  "/health": (_options, response) => refuse(response, { status: 200, text: "" }),
  "/version": ({ version }, response) => answerJson(response, { version }),
  [AGENT_STATE_PATH]: ({ agent, version }, response) => answerJson(response, { version, ...agent.status() }),
};
