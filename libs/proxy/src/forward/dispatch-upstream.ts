import type { Fields } from '@tidegate/pipeline';
import type { Endpoint } from './endpoint.js';
import { withTeOption } from './te-option.js';
import { UpstreamCall, type UpstreamCallOptions } from './upstream-call.js';

/** One attempt at one endpoint. */
export interface DispatchOptions extends UpstreamCallOptions {
  /** Fields as they are sent; `host` among them replaces the endpoint's own. */
  readonly fields: Fields;
}

/**
 * Sends a request to an endpoint and streams the answer into its sink, with back-pressure both ways, until the deadline
 * or the cancellation ends it. Await `head` of the call, then `whenEnded`.
 */
export function dispatchUpstream(endpoint: Endpoint, options: DispatchOptions): UpstreamCall {
  const call = new UpstreamCall(endpoint, options);
  if (call.isEnded) return call;
  const { head } = options;
  const request = {
    path: head.query === '' ? head.path : head.path + head.query,
    method: head.method,
    headers: options.fields,
    body: call.body,
    bodyTimeout: options.bodyIdleMs,
  };
  if (options.isTrailersWanted) withTeOption(() => endpoint.pool.dispatch(request, call));
  else endpoint.pool.dispatch(request, call);
  return call;
}
