export { type Gateway, type GatewayDependencies, startGateway } from './gateway.js';
