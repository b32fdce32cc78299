export { Cancellation } from './cancellation.js';
export { compose, type Next, type Pipeline, type Stage } from './compose.js';
export type { Exchange, Peer, RequestBody, RequestHead, ResponseHead, ResponseSink } from './exchange.js';
export { fieldValue, fieldValues, withoutFields, type Fields } from './fields.js';
