// Parts of the gateway are here for the simulation alone, which breaks their rules to show that it would notice.
export type { Refusal, UpgradeRequest } from './admission.js';
export { AppendQueue } from './append-queue.js';
export { Audience } from './audience.js';
export type { Clock, Timer } from './clock.js';
export { Connection } from './connection.js';
export { Deletions } from './deletions.js';
export { Expiry } from './expiry.js';
export { type Gateway, startGateway } from './gateway.js';
export { type Acceptance, GatewayCore, type GatewayDependencies } from './gateway-core.js';
export { LastWord } from './last-word.js';
export { Repair } from './repair.js';
export { Room } from './room.js';
export type { SendOutcome, Socket, SocketEvents } from './socket.js';
export { Sync } from './sync.js';
export { Tail } from './tail.js';
