// One master's HTTP side: a server, what stands behind its paths, and the way of effects to those who wait for them.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { AGENT_CONNECTION_PATH } from "../contract/agent-protocol.ts";
import type { MemberId, Term } from "../kernel/ids.ts";
import type { Connection, ConnectionHandler } from "../kernel/ports.ts";
import type { Effect } from "../state/effects.ts";
import { AgentSessions } from "./agents/sessions.ts";
import type { SocketConnection } from "./agents/socket-connection.ts";
import { acceptUpgrade } from "./agents/upgrade.ts";
import type { ApiContext } from "./context.ts";
import { httpDate } from "./http/date.ts";
import { empty, notFound, type Reply, send, text } from "./http/reply.ts";
import { handleLegacy, isLegacyPath } from "./legacy/endpoint.ts";
import * as limits from "./limits.ts";
import { MEMBERS_PATH, membersReply } from "./members.ts";
import { OperatorEndpoint } from "./operator/endpoint.ts";
import { OperatorStreams } from "./operator/subscribers.ts";
import { SchedulerEndpoint } from "./scheduler/endpoint.ts";
import { FrameworkSessions } from "./scheduler/sessions.ts";
import { STATUS_PATH, statusReply } from "./status.ts";
import type { Advertised, Api, ApiOptions } from "./types.ts";
import { WHY_PATH, whyReply } from "./why.ts";

/** Nothing is listened on yet; the caller attaches the result to the master. */
export function createApi(options: ApiOptions): Api {
  return new HttpApi(options);
}

class HttpApi implements Api {
  private readonly context: ApiContext;
  private readonly frameworks: FrameworkSessions;
  private readonly operators: OperatorStreams;
  private readonly agents: AgentSessions;
  private readonly scheduler: SchedulerEndpoint;
  private readonly operator: OperatorEndpoint;
  private readonly server: Server;
  private readonly upgraded = new Set<SocketConnection>();
  private advertised: Advertised;
  private leading = false;

  constructor(options: ApiOptions) {
    this.advertised = options.advertised;
    this.context = this.contextOf(options);
    this.frameworks = new FrameworkSessions(this.context);
    this.operators = new OperatorStreams(this.context);
    this.agents = new AgentSessions(this.context);
    this.scheduler = new SchedulerEndpoint(this.context, this.frameworks);
    this.operator = new OperatorEndpoint(this.context, this.operators);
    this.server = this.newServer();
  }

  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(port, host, () => {
        this.server.off("error", reject);
        this.server.on("error", (error) =>
          this.context.tracer.error("http server", { error: error.message }),
        );
        const taken = (this.server.address() as AddressInfo).port;
        if (this.advertised.port === 0) this.advertised = { ...this.advertised, port: taken };
        resolve({ host, port: taken });
      });
    });
  }

  acceptAgent(connection: Connection): ConnectionHandler {
    return this.agents.accept(connection);
  }

  async close(): Promise<void> {
    this.frameworks.endAll();
    this.frameworks.dropWaiting();
    this.operators.endAll();
    this.agents.closeAll();
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    for (const connection of this.upgraded) connection.destroy();
    if (this.server.listening) await closed;
  }

  deliver(effect: Effect): void {
    switch (effect.to) {
      case "framework":
        this.frameworks.deliver(effect.frameworkId, effect.event);
        break;
      case "stream":
        this.frameworks.endStream(effect.streamId, effect.error);
        break;
      case "agent":
        this.agents.deliverToAgent(effect.agentId, effect.message);
        break;
      case "connection":
        this.agents.deliverToConnection(effect.connectionId, effect.message);
        break;
      case "operators":
        this.operators.deliver(effect.event);
        break;
    }
  }

  onLeading(term: Term): void {
    this.leading = true;
    this.context.tracer.debug("api takes calls", { term });
  }

  onNotLeading(leader: MemberId | null): void {
    this.leading = false;
    this.frameworks.endAll();
    this.operators.endAll();
    this.agents.redirectAll(leader);
  }

  private contextOf(options: ApiOptions): ApiContext {
    const { master, clock, random, tracer, flags = {} } = options;
    return {
      master,
      clock,
      random,
      tracer,
      flags,
      limits: {
        streamUnsentBytesMax: limits.STREAM_UNSENT_BYTES_MAX,
        requestBodyBytesMax: limits.REQUEST_BODY_BYTES_MAX,
        operatorStreamsMax: limits.OPERATOR_STREAMS_MAX,
        ...options.limits,
      },
      startedAt: clock.wallMs(),
      isLeading: () => this.leading,
      date: httpDate(clock),
      advertised: () => this.advertised,
      memberApiAddress: (memberId) => options.memberApiAddress(memberId),
    };
  }

  private newServer(): Server {
    const server = createServer(
      {
        maxHeaderSize: limits.REQUEST_HEAD_BYTES_MAX,
        headersTimeout: limits.REQUEST_HEAD_TIMEOUT_MS,
        requestTimeout: limits.REQUEST_TIMEOUT_MS,
        keepAliveTimeout: limits.IDLE_CONNECTION_TIMEOUT_MS,
        noDelay: true,
      },
      (request, response) => this.handle(request, response),
    );
    server.maxConnections = limits.CONNECTIONS_MAX;
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Uint8Array) =>
      this.upgrade(request, socket, head),
    );
    return server;
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    const connection = acceptUpgrade(request, socket, head, (opened) => this.agents.accept(opened));
    if (connection === null) return;
    this.upgraded.add(connection);
    socket.on("close", () => this.upgraded.delete(connection));
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    const failed = (error: unknown): void => this.failed(request, response, error);
    const path = pathOf(request.url ?? "/");
    try {
      if (path === "/api/v1/scheduler") this.scheduler.handle(request, response, failed);
      else this.route(path, request, response).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** A fault of ours is a 500 with a line in the log, and the end of that request only. */
  private failed(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    this.context.tracer.error("request failed", { path: request.url, error: String(error) });
    if (response.headersSent) response.destroy();
    else this.reply(response, text(500, "Internal error"));
  }

  private async route(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (path === "/api/v1") await this.operator.handle(request, response);
    else if (isLegacyPath(path)) await handleLegacy(this.context, path, request, response);
    else if (path === STATUS_PATH) this.reply(response, statusReply(this.context));
    else if (path === MEMBERS_PATH) await this.members(request, response);
    else if (path === WHY_PATH) this.reply(response, await whyReply(this.context, request.url ?? ""));
    else if (path === AGENT_CONNECTION_PATH) this.reply(response, empty(426));
    else this.reply(response, notFound());
  }

  private async members(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const reply = await membersReply(this.context, request);
    if (reply !== null) this.reply(response, reply);
  }

  private reply(response: ServerResponse, reply: Reply): void {
    send(response, reply, this.context.date());
  }
}

/** Without query, trailing slash, and the `/master` that Mesos allows before every path. */
function pathOf(target: string): string {
  const query = target.indexOf("?");
  const path = query < 0 ? target : target.slice(0, query);
  const bare = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
  return bare.startsWith("/master/") ? bare.slice("/master".length) : bare;
}
