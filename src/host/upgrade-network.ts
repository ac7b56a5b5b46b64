// The agent's way to a master: a dialer that opens an HTTP connection, upgrades it and then carries frames. The other
// half is src/api/agents/upgrade.ts.
import { request } from "node:http";
import { SocketConnection } from "../api/agents/socket-connection.ts";
import { splitAddress } from "../api/convert/addresses.ts";
import { AGENT_CONNECTION_PATH, AGENT_CONNECTION_UPGRADE } from "../contract/agent-protocol.ts";
import type { Connection, ConnectionHandler, Network } from "../kernel/ports.ts";

/** An upgrade that takes longer has failed. Milliseconds. */
const UPGRADE_TIMEOUT_MS = 10_000;
/** Bytes sent before the connection is open; more closes it. */
const UNOPENED_BYTES_MAX = 64 * 1024 * 1024;

/** Dials `host:port` of a master's API. */
export function createUpgradeDialer(): Pick<Network, "dial"> {
  return { dial: (address, handler) => new DialedConnection(address, handler) };
}

class DialedConnection implements Connection {
  private readonly handler: ConnectionHandler;
  private readonly abandon: () => void;
  private opened: SocketConnection | null = null;
  private closed = false;
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;

  constructor(address: string, handler: ConnectionHandler) {
    this.handler = handler;
    const target = splitAddress(address);
    if (target === null) {
      this.abandon = () => undefined;
      queueMicrotask(() => this.failed(`'${address}' is not of the form host:port`));
      return;
    }
    const upgrade = request({
      ...target,
      path: AGENT_CONNECTION_PATH,
      headers: { Connection: "Upgrade", Upgrade: AGENT_CONNECTION_UPGRADE },
      agent: false,
      timeout: UPGRADE_TIMEOUT_MS,
    });
    this.abandon = () => upgrade.destroy();
    upgrade.on("upgrade", (_response, socket, head) => {
      socket.setTimeout(0);
      socket.setNoDelay(true);
      this.open(new SocketConnection(socket), head);
    });
    upgrade.on("response", (response) => {
      response.resume();
      this.failed(`the master answered ${response.statusCode} instead of upgrading`);
    });
    upgrade.on("timeout", () => this.failed("no answer in time"));
    upgrade.on("error", (error) => this.failed(error.message));
    upgrade.end();
  }

  send(frame: Uint8Array): void {
    if (this.closed) return;
    if (this.opened !== null) {
      this.opened.send(frame);
      return;
    }
    this.waiting.push(frame);
    this.waitingBytes += frame.byteLength;
    if (this.waitingBytes > UNOPENED_BYTES_MAX)
      this.failed("too much was sent before the connection was open");
  }

  bufferedBytes(): number {
    return this.opened === null ? this.waitingBytes : this.opened.bufferedBytes();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.opened === null) this.abandon();
    else this.opened.close();
  }

  private open(connection: SocketConnection, head: Uint8Array): void {
    if (this.closed) {
      connection.destroy();
      return;
    }
    this.opened = connection;
    for (const frame of this.waiting) connection.send(frame);
    this.waiting = [];
    this.waitingBytes = 0;
    connection.attach(this.handler, head);
  }

  private failed(reason: string): void {
    if (this.closed || this.opened !== null) return;
    this.closed = true;
    this.waiting = [];
    this.abandon();
    this.handler.onClose(reason);
  }
}
