// The Connection port on a socket that has been upgraded: both ends use it, the master's here and the agent's in
// src/host/upgrade-network.ts.
import type { Duplex } from "node:stream";
import { AGENT_FRAME_BYTES_MAX } from "../../contract/agent-protocol.ts";
import { InvariantError } from "../../kernel/assert.ts";
import type { Connection, ConnectionHandler } from "../../kernel/ports.ts";
import { encodeFrames, frameReader } from "./frames.ts";

/** A connection that is open. Its handler is set by `attach`, with whatever bytes came along with the upgrade. */
export class SocketConnection implements Connection {
  private readonly socket: Duplex;
  private readonly read = frameReader(AGENT_FRAME_BYTES_MAX, (frame) => this.take(frame));
  private handler: ConnectionHandler | null = null;
  private closed = false;
  /** Frames of this turn: together they are one write. */
  private gathered: Uint8Array[] = [];
  private gatheredBytes = 0;

  constructor(socket: Duplex) {
    this.socket = socket;
  }

  /** @param head bytes of the stream that the HTTP parser has already read */
  attach(handler: ConnectionHandler, head: Uint8Array): void {
    this.handler = handler;
    this.socket.on("data", (bytes: Uint8Array) => this.receive(bytes));
    this.socket.on("error", (error: Error) => this.broken(error.message));
    this.socket.on("end", () => this.broken("closed by the other side"));
    this.socket.on("close", () => this.broken("closed"));
    handler.onOpen?.();
    if (head.byteLength > 0) this.receive(head);
  }

  /** Frames of one turn leave in one piece. What is in the frame must stay until the turn is over. */
  send(frame: Uint8Array): void {
    if (this.closed) return;
    if (this.gathered.length === 0) process.nextTick(() => this.release());
    this.gathered.push(frame);
    this.gatheredBytes += frame.byteLength;
  }

  bufferedBytes(): number {
    return this.socket.writableLength + this.gatheredBytes;
  }

  /** What was sent before is still delivered if the other side reads it in time. */
  close(): void {
    if (this.closed) return;
    this.release();
    this.closed = true;
    this.socket.end(() => this.socket.destroy());
  }

  /** Cuts the connection: nothing more is delivered. */
  destroy(): void {
    this.closed = true;
    this.socket.destroy();
  }

  private release(): void {
    const { gathered } = this;
    this.gathered = [];
    this.gatheredBytes = 0;
    if (gathered.length > 0 && !this.closed) this.socket.write(encodeFrames(gathered));
  }

  private receive(bytes: Uint8Array): void {
    if (!this.closed && !this.read(bytes)) this.broken("a frame is larger than allowed");
  }

  /** A frame that its reader chokes on costs this connection only. A broken invariant ends the process here as anywhere. */
  private take(frame: Uint8Array): void {
    if (this.closed) return;
    try {
      this.handler?.onFrame(frame);
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      this.broken(`a frame could not be taken in: ${String(error)}`);
    }
  }

  private broken(reason: string): void {
    if (this.closed) return;
    this.destroy();
    this.handler?.onClose(reason);
  }
}
