export { DeliveryLoad } from './delivery/delivery-load.js';
export type { DeliveryOptions, DeliveryProgress } from './delivery/delivery-options.js';
export { type DeliveryReport, formatReport } from './delivery/delivery-report.js';
export type { HistoryReader, StoredMessage } from './delivery/history-reader.js';
export { HttpHistory } from './delivery/http-history.js';
export type { LatencySummary } from './delivery/latencies.js';
export { runDeliveryCheck } from './delivery/run-delivery-check.js';
export { VIOLATIONS, type Violation, type ViolationKind } from './delivery/violations.js';
