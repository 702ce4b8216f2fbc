import { FRAME_BYTES_FACTOR } from '@holdfast/protocol';
import { GatewayCore } from './gateway-core.js';
import type { GatewayDependencies } from './gateway-parts.js';
import type { ConnectionSlots, PublishToGroup } from './ports/socket.js';
import { startServer } from './server/server.js';

/** A gateway that listens on its public port. */
export interface Gateway {
  readonly port: number;
  /** Answers for readiness, and drains. */
  readonly core: GatewayCore;
  /**
   * Stops listening, closes the core, and drops whatever connection is left. Called after the drain, or without one.
   */
  close(): Promise<void>;
}

/**
 * Frames up to this many times what a client may send are read whole, so that they can be answered with 1009 (C6). The
 * library keeps what has come of a frame for as long as the client sends it.
 */
const PAYLOAD_FACTOR = 4;

/**
 * Starts a gateway on its public port.
 *
 * @param slots descriptors for its connections
 * @throws {Error} when the port cannot be listened on
 */
export async function startGateway(dependencies: GatewayDependencies, slots: ConnectionSlots): Promise<Gateway> {
  const { host, port, libraryPackage, memory, sessions } = dependencies.config;
  const publishToGroup: PublishToGroup = (group, frame) => server.publish(group, frame);
  const core = new GatewayCore({ ...dependencies, publishToGroup });
  const server = await startServer({
    host,
    port,
    libraryPackage,
    maxBackpressureBytes: memory.maxBackpressureBytes,
    maxPayloadBytes: sessions.messageMaxBytes * FRAME_BYTES_FACTOR * PAYLOAD_FACTOR,
    slots,
    accept: (upgrade) => core.accept(upgrade),
  });
  core.start();
  return {
    port: server.port,
    core,
    close: async () => {
      server.stopListening();
      await core.close();
      server.close();
    },
  };
}
