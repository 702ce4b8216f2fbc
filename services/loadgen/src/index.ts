export { DeliveryLoad, runDeliveryCheck } from './delivery/delivery-load.js';
export type { DeliveryOptions, DeliveryProgress } from './delivery/delivery-options.js';
export { type DeliveryReport, formatReport } from './delivery/delivery-report.js';
export { type HistoryReader, HttpHistory, type StoredMessage } from './delivery/history-reader.js';
export { VIOLATIONS, type Violation, type ViolationKind } from './delivery/violations.js';
export type { LatencySummary } from './histogram.js';
