// The HTTP upgrade by which an agent turns a request into a connection of frames.
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { AGENT_CONNECTION_PATH, AGENT_CONNECTION_UPGRADE } from "../../contract/agent-protocol.ts";
import type { Connection, ConnectionHandler } from "../../kernel/ports.ts";
import { SocketConnection } from "./socket-connection.ts";

const SWITCHING = [
  "HTTP/1.1 101 Switching Protocols",
  "Connection: Upgrade",
  `Upgrade: ${AGENT_CONNECTION_UPGRADE}`,
  "",
  "",
].join("\r\n");
const REFUSED = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/** Answers an upgrade request; any but the agents' is refused. The connection, for the one who must close it. */
export function acceptUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  accept: (connection: Connection) => ConnectionHandler,
): SocketConnection | null {
  const path = (request.url ?? "").split("?", 1)[0];
  if (path !== AGENT_CONNECTION_PATH || request.headers.upgrade !== AGENT_CONNECTION_UPGRADE) {
    socket.on("error", () => socket.destroy());
    socket.end(REFUSED, () => socket.destroy());
    return null;
  }
  socket.write(SWITCHING);
  const connection = new SocketConnection(socket);
  connection.attach(accept(connection), head);
  return connection;
}
