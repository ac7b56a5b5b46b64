// Whole frames over TCP behind the Network port: each frame is its length in four bytes, big-endian, and its bytes.
// Used between masters. A frame that is too long, or a peer that does not read, ends the connection.
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { encodeFrame, frameLength, frameReader } from "../api/agents/frames.ts";
import { splitAddress } from "../api/convert/addresses.ts";
import type { Connection, ConnectionHandler, Listener, Network } from "../kernel/ports.ts";

/** A frame up to this size is copied behind its length: one piece of memory is written faster than two. Bytes. */
const JOINED_BYTES_MAX = 64 * 1024;
/** Longest frame taken from a peer. Bytes. */
export const FRAME_BYTES_MAX = 64 * 1024 * 1024;
/** Unsent bytes at which a connection is given up. */
export const UNSENT_BYTES_MAX = 256 * 1024 * 1024;
/** A connection that is not open after this has failed. Milliseconds. */
export const DIAL_TIMEOUT_MS = 2_000;

/** Connections at one time to one listener; further ones are closed as they come. */
export const SOCKETS_MAX = 512;

export const tcpNetwork: Network = {
  dial(address, handler) {
    const place = splitAddress(address);
    if (place === null) return failedDial(handler, `"${address}" is not an address of the form host:port`);
    return dialledConnection(createConnection(place), "connect", handler);
  },
  listen(address, accept) {
    const server = createServer((socket) => acceptSocket(socket, accept));
    return listenOn(server, address);
  },
};

/** @param openEvent what the socket tells when frames may be sent */
export function dialledConnection(
  socket: Socket,
  openEvent: "connect" | "secureConnect",
  handler: ConnectionHandler,
  peerNames?: () => readonly string[],
): Connection {
  const timer = setTimeout(() => socket.destroy(new Error("connecting took too long")), DIAL_TIMEOUT_MS);
  socket.once("close", () => clearTimeout(timer));
  const connection = frameConnection(socket, () => handler);
  let isOpen = false;
  let closedHere = false;
  socket.once(openEvent, () => {
    clearTimeout(timer);
    isOpen = true;
    if (!closedHere) handler.onOpen?.();
  });
  return {
    ...connection,
    ...(peerNames === undefined ? {} : { peerNames }),
    close() {
      closedHere = true;
      if (!isOpen) socket.destroy();
      connection.close();
    },
  };
}

/** For an address that cannot be dialled at all. */
export function failedDial(handler: ConnectionHandler, reason: string): Connection {
  let closedHere = false;
  process.nextTick(() => {
    if (!closedHere) handler.onClose(reason);
  });
  return {
    send: () => undefined,
    bufferedBytes: () => 0,
    close() {
      closedHere = true;
    },
  };
}

export function acceptSocket(
  socket: Socket,
  accept: (connection: Connection) => ConnectionHandler,
  peerNames?: () => readonly string[],
): void {
  let handler: ConnectionHandler | undefined;
  const connection = frameConnection(socket, () => handler);
  handler = accept(peerNames === undefined ? connection : { ...connection, peerNames });
}

/** Rejects if it cannot listen; later errors are of single connections (no file handles left) and end only those. */
export function listenOn(server: Server, address: string): Promise<Listener> {
  const { host, port } = parseAddress(address);
  const sockets = new Set<Socket>();
  server.maxConnections = SOCKETS_MAX;
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return new Promise<Listener>((resolve, reject) => {
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
}

/** Frames over a socket that is open or opening; also for sockets that began as HTTP. */
export function frameConnection(socket: Socket, handler: () => ConnectionHandler | undefined): Connection {
  let closedHere = false;
  const bytesMax = (): number => Math.min(FRAME_BYTES_MAX, handler()?.frameBytesMax?.() ?? FRAME_BYTES_MAX);
  const reader = frameReader(bytesMax, (frame) => {
    if (!closedHere) handler()?.onFrame(frame);
  });
  let failure: NodeJS.ErrnoException | undefined;
  socket.setNoDelay(true);
  socket.on("data", (bytes) => {
    if (closedHere) return;
    if (!reader(bytes)) socket.destroy(new Error("a frame is longer than is allowed"));
  });
  socket.on("error", (error) => {
    failure ??= error;
  });
  socket.once("close", () => {
    const reason = failure?.message || failure?.code || "closed by the peer";
    if (!closedHere) handler()?.onClose(reason, failure?.code === "ECONNREFUSED");
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

/** The first frame of a turn leaves at once, for a commit waits for it; those after it leave together. */
function writeFrame(socket: Socket, frame: Uint8Array): void {
  const isFirst = socket.writableCorked === 0;
  if (frame.length <= JOINED_BYTES_MAX) socket.write(encodeFrame(frame));
  else {
    socket.write(frameLength(frame));
    socket.write(frame);
  }
  if (!isFirst) return;
  socket.cork();
  process.nextTick(() => socket.uncork());
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
