// Whole frames over TCP behind the Network port: each frame is its length in four bytes, big-endian, and its bytes.
// Used between masters. A frame that is too long, or a peer that does not read, ends the connection.
import { createConnection, createServer, type Socket } from "node:net";
import { frameLength, frameReader } from "../api/agents/frames.ts";
import { splitAddress } from "../api/convert/addresses.ts";
import type { Connection, ConnectionHandler, Listener, Network } from "../kernel/ports.ts";

/** Longest frame taken from a peer. Bytes. */
export const FRAME_BYTES_MAX = 64 * 1024 * 1024;
/** Unsent bytes at which a connection is given up. */
export const UNSENT_BYTES_MAX = 256 * 1024 * 1024;
/** A connection that is not open after this has failed. Milliseconds. */
export const DIAL_TIMEOUT_MS = 2_000;

export const tcpNetwork: Network = {
  dial(address, handler) {
    const { host, port } = parseAddress(address);
    const socket = createConnection({ host, port });
    const timer = setTimeout(() => socket.destroy(new Error("connecting took too long")), DIAL_TIMEOUT_MS);
    socket.once("close", () => clearTimeout(timer));
    const connection = frameConnection(socket, () => handler);
    let closedHere = false;
    socket.once("connect", () => {
      clearTimeout(timer);
      if (!closedHere) handler.onOpen?.();
    });
    return {
      ...connection,
      close() {
        closedHere = true;
        if (socket.connecting) socket.destroy();
        connection.close();
      },
    };
  },
  listen(address, accept) {
    const { host, port } = parseAddress(address);
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      let handler: ConnectionHandler | undefined;
      const connection = frameConnection(socket, () => handler);
      handler = accept(connection);
    });
    return new Promise<Listener>((resolve, reject) => {
      // Rejects before it listens; later errors are of single connections (no file handles left) and end only those.
      server.on("error", reject);
      server.listen(port, host, () => {
        const bound = server.address();
        const boundPort = typeof bound === "object" && bound !== null ? bound.port : port;
        resolve({
          address: joinAddress(host, boundPort),
          close: () =>
            new Promise((closed) => {
              server.close(() => closed());
              for (const socket of sockets) socket.destroy();
            }),
        });
      });
    });
  },
};

/** Frames over a socket that is open or opening; also for sockets that began as HTTP. */
export function frameConnection(socket: Socket, handler: () => ConnectionHandler | undefined): Connection {
  let closedHere = false;
  const reader = frameReader(FRAME_BYTES_MAX, (frame) => {
    if (!closedHere) handler()?.onFrame(frame);
  });
  let failure = "closed by the peer";
  socket.setNoDelay(true);
  socket.on("data", (bytes) => {
    if (closedHere) return;
    if (!reader(bytes)) socket.destroy(new Error("a frame is longer than is allowed"));
  });
  socket.on("error", (error) => {
    failure = error.message;
  });
  socket.once("close", () => {
    if (!closedHere) handler()?.onClose(failure);
  });
  return {
    send(frame) {
      if (closedHere || socket.destroyed) return;
      if (socket.writableLength > UNSENT_BYTES_MAX) {
        socket.destroy(new Error("the peer does not read"));
        return;
      }
      writeFrame(socket, frame);
    },
    bufferedBytes: () => socket.writableLength,
    close() {
      closedHere = true;
      socket.destroySoon();
    },
  };
}

/** Frames written in one turn leave in one system call. */
function writeFrame(socket: Socket, frame: Uint8Array): void {
  if (socket.writableCorked === 0) {
    socket.cork();
    process.nextTick(() => socket.uncork());
  }
  socket.write(frameLength(frame));
  socket.write(frame);
}

/** `host:port`, IPv6 hosts in brackets. */
export function joinAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** @throws Error for a text that is no `host:port` */
export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const parts = splitAddress(address);
  if (parts === null) throw new Error(`"${address}" is not an address of the form host:port`);
  return parts;
}
