export { clientAddress, parseAddress } from './client-address.js';
export {
  type Color,
  type Config,
  ConfigError,
  environmentMistakes,
  isLoopback,
  type LogFormat,
  type LogLevel,
  loadConfig,
  type RedisSettings,
} from './config.js';
export { ENVIRONMENT, type EnvironmentRow, type ServiceName, type VariableName } from './environment.js';
export { renderEnvironmentTable } from './environment-table.js';
export { maskUrl } from './mask-url.js';
export { isOriginAllowed, type PageHeaders } from './origin.js';
