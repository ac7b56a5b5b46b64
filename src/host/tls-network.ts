// The masters' network with both sides authenticated: frames over TLS 1.3, every certificate signed by the cluster's own
// authority. A certificate proves its common name and its DNS names; Raft demands that a member's id is among them.
// Names of hosts play no part, so that a member may move.
import { connect, createServer, type TLSSocket } from "node:tls";
import { splitAddress } from "../api/convert/addresses.ts";
import type { Network, Tracer } from "../kernel/ports.ts";
import { acceptSocket, dialledConnection, failedDial, listenOn } from "./tcp-network.ts";
import { namesOf, type TlsFiles } from "./tls-files.ts";

/** A connection whose TLS handshake is not done by then is closed. */
const TLS_HANDSHAKE_TIMEOUT_MS = 5_000;

export function createTlsNetwork({ cert, key, ca }: TlsFiles, tracer: Tracer): Network {
  const own = { cert, key, ca, minVersion: "TLSv1.3", rejectUnauthorized: true } as const;
  return {
    dial(address, handler) {
      const place = splitAddress(address);
      if (place === null) return failedDial(handler, `"${address}" is not an address of the form host:port`);
      const socket = connect({ ...own, ...place, checkServerIdentity: () => undefined });
      return dialledConnection(socket, "secureConnect", handler, () => peerNames(socket));
    },
    listen(address, accept) {
      const options = { ...own, requestCert: true, handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS };
      const server = createServer(options, (socket) => acceptSocket(socket, accept, () => peerNames(socket)));
      server.on("tlsClientError", (error, socket) => {
        tracer.warn("raft.stranger", { from: socket.remoteAddress, reason: error.message });
        // Node leaves it open when the handshake takes too long.
        socket.destroy();
      });
      return listenOn(server, address);
    },
  };
}

function peerNames(socket: TLSSocket): readonly string[] {
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
  return certificate === undefined ? [] : namesOf(certificate);
}
