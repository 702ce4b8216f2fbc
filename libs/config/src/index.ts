export { type AllowedHosts, adminAccess, isHostAllowed } from './allowed-hosts.js';
export { clientAddress, networkOf, parseAddress } from './client-address.js';
export {
  type AuthSettings,
  type Color,
  type Config,
  ConfigError,
  environmentMistakes,
  type LogFormat,
  type LogLevel,
  loadConfig,
  type RedisSettings,
} from './config.js';
export type { VariableName } from './environment.js';
export { ENVIRONMENT, type EnvironmentRow, renderEnvironmentTable } from './environment-table.js';
export { isLoopback } from './loopback.js';
export { maskUrl } from './mask-url.js';
export { isOriginAllowed, type PageHeaders } from './origin.js';
export type { EncryptionSettings } from './parsers.js';
export type { ServiceName } from './variable.js';
