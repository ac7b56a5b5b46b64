// Whole frames over TCP behind the Network port: each frame is its length in four bytes, big-endian, and its bytes.
// Used between masters. A frame that is too long, or a peer that does not read, ends the connection.
import { createConnection, createServer, type Socket } from "node:net";
import type { Connection, ConnectionHandler, Listener, Network } from "../kernel/ports.ts";

/** Longest frame taken from a peer. Bytes. */
export const FRAME_BYTES_MAX = 64 * 1024 * 1024;
/** Unsent bytes at which a connection is given up. */
export const UNSENT_BYTES_MAX = 256 * 1024 * 1024;
/** A connection that is not open after this has failed. Milliseconds. */
export const DIAL_TIMEOUT_MS = 2_000;
const LENGTH_BYTES = 4;

export const tcpNetwork: Network = {
  dial(address, handler) {
    const { host, port } = splitAddress(address);
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
    const { host, port } = splitAddress(address);
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
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32BE(frame.length);
  socket.write(length);
  socket.write(frame);
}

/** Cuts a stream of bytes into frames; the function it gives answers false when a frame is too long. */
export function frameReader(
  bytesMax: number,
  onFrame: (frame: Uint8Array) => void,
): (bytes: Uint8Array) => boolean {
  let pending: Buffer[] = [];
  let size = 0;
  let wanted = LENGTH_BYTES;
  let inLength = true;

  function take(count: number): Buffer {
    const first = pending[0];
    if (first !== undefined && first.length >= count) {
      if (first.length === count) pending.shift();
      else pending[0] = first.subarray(count);
      size -= count;
      return first.subarray(0, count);
    }
    const whole = Buffer.concat(pending, size);
    pending = size === count ? [] : [whole.subarray(count)];
    size -= count;
    return whole.subarray(0, count);
  }

  return (bytes) => {
    pending.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    size += bytes.length;
    while (size >= wanted) {
      const part = take(wanted);
      if (inLength) {
        wanted = part.readUInt32BE();
        if (wanted > bytesMax) return false;
      } else {
        wanted = LENGTH_BYTES;
        onFrame(part);
      }
      inLength = !inLength;
    }
    return true;
  };
}

/** `host:port`, IPv6 hosts in brackets. */
export function joinAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** @throws Error for a text that is no `host:port` */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  const digits = address.slice(colon + 1);
  const port = Number(digits);
  if (colon < 1 || !/^\d+$/.test(digits) || port > 65_535) {
    throw new Error(`"${address}" is not an address of the form host:port`);
  }
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port };
}
