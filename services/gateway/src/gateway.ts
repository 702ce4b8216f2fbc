import { FRAME_BYTES_FACTOR } from '@holdfast/protocol';
import type { Readiness } from '@holdfast/telemetry';
import { GatewayCore, type GatewayDependencies } from './gateway-core.js';
import type { PublishToGroup } from './ports/socket.js';
import { startServer } from './server/server.js';

export interface Gateway {
  readonly port: number;
  readiness(): Readiness;
  /** Sends the members away over `DRAIN_SECONDS` (B3). A second call closes those that are left at once. */
  drain(): Promise<void>;
  /** Drops what is left and gives back everything. */
  close(): Promise<void>;
}

/** Frames up to this many times what a client may send are read whole, so that 1009 can be answered (C6). */
const PAYLOAD_FACTOR = 16;

/** Starts a gateway on its public port. @throws {Error} when the port cannot be listened on */
export async function startGateway(dependencies: GatewayDependencies): Promise<Gateway> {
  const { host, port, memory, sessions } = dependencies.config;
  const publishToGroup: PublishToGroup = (group, frame) => server.publish(group, frame);
  const core = new GatewayCore({ ...dependencies, publishToGroup });
  const server = await startServer({
    host,
    port,
    maxBackpressureBytes: memory.maxBackpressureBytes,
    maxPayloadBytes: sessions.messageMaxBytes * FRAME_BYTES_FACTOR * PAYLOAD_FACTOR,
    accept: (upgrade) => core.accept(upgrade),
  });
  core.start();
  return {
    port: server.port,
    readiness: () => core.readiness(),
    drain: () => core.drain(),
    close: async () => {
      server.stopListening();
      await core.close();
      server.close();
    },
  };
}
