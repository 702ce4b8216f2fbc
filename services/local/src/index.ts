export { FrontDoor, type FrontDoorOptions, PortTakenError } from './front-door.js';
export { type Backend, GatewayPool } from './gateway-pool.js';
export { HomeTakenError } from './home-lock.js';
export { readSettings, type Settings } from './settings.js';
export { StartFailedError } from './supervised-process.js';
export { LocalSystem, type SystemOptions } from './system.js';
