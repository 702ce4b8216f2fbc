export { type Gateway, startGateway } from './gateway.js';
export { type Acceptance, GatewayCore, type GatewayDependencies } from './gateway-core.js';
