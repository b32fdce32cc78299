import { subscribe } from 'node:diagnostics_channel';

let isWanted = false;
let isSubscribed = false;

/**
 * Runs `dispatch` so that the request it creates carries `Connection: TE`, which RFC 9110 section 10.1.4 asks of whoever
 * sends TE (gateway/H3). undici writes Connection itself and drops ours, but shows each new request on a diagnostics
 * channel, within dispatch; nobody listens there before the first request with TE.
 */
export function withTeOption(dispatch: () => void): void {
  if (!isSubscribed) {
    isSubscribed = true;
    subscribe('undici:request:create', (message) => {
      if (isWanted) (message as { request: { headers: string[] } }).request.headers.push('connection', 'TE');
    });
  }
  isWanted = true;
  try {
    dispatch();
  } finally {
    isWanted = false;
  }
}
