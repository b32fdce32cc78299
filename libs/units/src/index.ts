export { formatAddress, listenAddress, parseListenAddress, type ListenAddress } from './address.js';
export { byteSize } from './byte-size.js';
export { systemClock, type Clock } from './clock.js';
export { durationMs, parseDurationMs } from './duration.js';
export { name } from './name.js';
