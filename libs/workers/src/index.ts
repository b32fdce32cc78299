export type { AdminOperation, AdminReply, AdminRequest } from './admin-operation.js';
export { MetricsSum } from './metrics-sum.js';
export { PeerError, type Handlers, type Peer } from './peer.js';
export { reportAll, type Report } from './report-all.js';
export { killAfterMs, runApp, runUntilSignalled, type AppOptions } from './run-app.js';
export { instanceName, thisWorker, type WorkerName } from './this-worker.js';
export { startWorkerGroup, type WorkerGroup, type WorkerGroupOptions } from './worker-group.js';
export { runWorkerProcess, type WorkerParts, type WorkerProcessOptions } from './worker-process.js';
export { WorkerStartError } from './worker-slot.js';
