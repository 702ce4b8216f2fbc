export { BROADCAST_CHANNEL, type FanOut, type Listener } from './port.js';
