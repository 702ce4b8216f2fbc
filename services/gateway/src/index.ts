export type { Refusal, UpgradeRequest } from './admission.js';
export type { Clock, Timer } from './clock.js';
export { type Gateway, startGateway } from './gateway.js';
export { type Acceptance, GatewayCore, type GatewayDependencies } from './gateway-core.js';
export type { SendOutcome, Socket, SocketEvents } from './socket.js';
