// A gRPC connection to containerd over its unix socket: calls, streams, and what their failures mean.
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import protobuf from "protobufjs";
import { RuntimeFailure } from "../../runtime.ts";
import {
  CALL_TIMEOUT_MS,
  CONNECT_TIMEOUT_MS,
  MAX_MESSAGE_BYTES,
  RECONNECT_FIRST_MS,
  RECONNECT_MAX_MS,
} from "../limits.ts";
import type { Method } from "./methods.ts";
import { PROTOCOL } from "./protocol.ts";

export interface CallOptions {
  /** Protects what the call creates from garbage collection. */
  readonly lease?: string;
  /** Milliseconds; CALL_TIMEOUT_MS when absent. */
  readonly timeoutMs?: number;
}

export interface Connection {
  readonly address: string;
  readonly namespace: string;
  /** Rejects with a RuntimeFailure "unavailable" that says what to do. */
  ready(): Promise<void>;
  /** Rejects with a ServiceError. Waits for the connection to come back if it is broken. */
  call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options?: CallOptions,
  ): Promise<Response>;
  readStream<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options?: CallOptions,
  ): ClientReadableStream<Response>;
  duplexStream<Request, Response>(
    method: Method<Request, Response>,
    options?: CallOptions,
  ): ClientDuplexStream<Request, Response>;
  decode<Message>(type: string, bytes: Uint8Array): Message;
  close(): void;
}

/** Nothing is sent before the first call. @param address absolute path of the socket */
export function connect(address: string, namespace: string): Connection {
  const root = protobuf.parse(PROTOCOL).root;
  const client = new Client(`unix:${address}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
    "grpc.initial_reconnect_backoff_ms": RECONNECT_FIRST_MS,
    "grpc.max_reconnect_backoff_ms": RECONNECT_MAX_MS,
  });
  const codec = <Request, Response>(method: Method<Request, Response>) => ({
    encode: (request: Request) => encode(root, method.request, request),
    decode: (bytes: Buffer) => decode<Response>(root, method.response, bytes),
  });
  return {
    address,
    namespace,
    ready: () => waitUntilReady(client, address),
    call: (method, request, options = {}) =>
      new Promise((resolve, reject) => {
        const { encode: out, decode: into } = codec(method);
        const metadata = metadataOf(namespace, options);
        const deadline = Date.now() + (options.timeoutMs ?? CALL_TIMEOUT_MS);
        client.makeUnaryRequest(
          method.path,
          out,
          into,
          request,
          metadata,
          { deadline },
          (error, response) => {
            if (error !== null) reject(error);
            else resolve(response as NonNullable<typeof response>);
          },
        );
      }),
    readStream: (method, request, options = {}) => {
      const { encode: out, decode: into } = codec(method);
      return client.makeServerStreamRequest(method.path, out, into, request, metadataOf(namespace, options));
    },
    duplexStream: (method, options = {}) => {
      const { encode: out, decode: into } = codec(method);
      return client.makeBidiStreamRequest(method.path, out, into, metadataOf(namespace, options));
    },
    decode: (type, bytes) => decode(root, type, bytes),
    close: () => client.close(),
  };
}

export function isStatus(error: unknown, ...codes: readonly status[]): boolean {
  return isServiceError(error) && codes.includes(error.code);
}

export function isNotFound(error: unknown): boolean {
  return isStatus(error, status.NOT_FOUND);
}

export function isAlreadyThere(error: unknown): boolean {
  return isStatus(error, status.ALREADY_EXISTS);
}

/** For calls whose "there is no such thing" is as good as success. */
export async function ignoreNotFound(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** For creations that another may have done before. */
export async function ignoreAlreadyThere(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isAlreadyThere(error)) throw error;
  }
}

/** The expected failure that an error of a call stands for; other errors are returned as they are. */
export function asRuntimeFailure(error: unknown, address: string): unknown {
  if (!isServiceError(error)) return error;
  if (error.code === status.UNAVAILABLE || error.code === status.DEADLINE_EXCEEDED) {
    return unavailable(address, error.details, error);
  }
  return new RuntimeFailure("launch-failed", `containerd: ${error.details}`, { cause: error });
}

export function unavailable(address: string, reason: string, cause?: unknown): RuntimeFailure {
  const advice =
    "is it installed (apt-get install containerd) and running (systemctl start containerd), and may this user open the socket?";
  return new RuntimeFailure("unavailable", `no containerd at ${address}: ${reason}; ${advice}`, { cause });
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && typeof error.code === "number" && "details" in error;
}

function waitUntilReady(client: Client, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + CONNECT_TIMEOUT_MS, (error) => {
      if (error === undefined) resolve();
      else reject(unavailable(address, `not reachable within ${CONNECT_TIMEOUT_MS} ms`, error));
    });
  });
}

function metadataOf(namespace: string, options: CallOptions): Metadata {
  const metadata = new Metadata({ waitForReady: true });
  metadata.set("containerd-namespace", namespace);
  if (options.lease !== undefined) metadata.set("containerd-lease", options.lease);
  return metadata;
}

function encode(root: protobuf.Root, type: string, message: unknown): Buffer {
  const found = root.lookupType(type);
  return Buffer.from(found.encode(found.fromObject(message as Record<string, unknown>)).finish());
}

function decode<Message>(root: protobuf.Root, type: string, bytes: Uint8Array): Message {
  const found = root.lookupType(type);
  const options = { longs: Number, enums: String, defaults: true, arrays: true, objects: true };
  return found.toObject(found.decode(bytes), options) as Message;
}
