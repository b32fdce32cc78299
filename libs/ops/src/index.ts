export type { AdminReply, AdminRequest, AdminRoute } from './admin-route.js';
export { createBearerCheck } from './bearer-check.js';
export { startOps, type OpsOptions, type OpsServer } from './ops-server.js';
export type { OpsReport } from './ops.controller.js';
