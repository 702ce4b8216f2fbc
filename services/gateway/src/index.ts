// Classes and bounds of single parts are exported for the simulation: it breaks their rules to show that it would
// notice, and draws sizes about the bounds. `readRequest` is exported for the fuzzer.
export type { Refusal, UpgradeRequest } from './admission/admission.js';
export { Connection } from './connection/connection.js';
export { readRequest } from './connection/inbound.js';
export { type Gateway, startGateway } from './gateway.js';
export { type Acceptance, GatewayCore } from './gateway-core.js';
export { type GatewayDependencies, HISTORY_CHUNK_BYTES } from './gateway-parts.js';
export type { Clock, Timer } from './ports/clock.js';
export type { SendOutcome, Socket, SocketEvents } from './ports/socket.js';
export { Announcements } from './room/announcements.js';
export { AppendQueue } from './room/append/append-queue.js';
export { Audience } from './room/delivery/audience.js';
export { Tail } from './room/delivery/tail.js';
export { Expiry } from './room/expiry.js';
export { Room } from './room/room.js';
export { Repair } from './room/sync/repair.js';
export { Sync } from './room/sync/sync.js';
export { WaitingAcks } from './room/waiting-acks.js';
export { BATCH_BYTES } from './shared/append-scheduler.js';
export { Deletions } from './shared/deletions.js';
export { HistoryPages } from './shared/history-pages.js';
