export * from './keys.js';
export * from './port.js';
