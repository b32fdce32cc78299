import type { RedisOptions } from 'ioredis';

/** Connection options; the form of replies stays the default. */
export type ConnectionOptions = Omit<RedisOptions, 'replyMapping'>;

const connectTimeoutMs = 1_000;
const sentinelPortDefault = 26_379;
const reconnectMsMax = 250;
/** A connection that owes a reply for this long is given up: the other end may be gone without a word. */
const silentMsMax = 2_000;

/** The connection options of the bucket store for an address of tidegate.yaml (limiter/F3): nothing is ever sent twice. */
export function toRedisOptions({ mode, url }: { mode: 'single' | 'sentinel'; url: string }): ConnectionOptions {
  return { ...(mode === 'single' ? parseSingleUrl(url) : parseSentinelUrl(url)), ...safeOptions };
}

/** A charged script that is sent again charges twice: no queue, no retries, no resending. */
const safeOptions: ConnectionOptions = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  enableAutoPipelining: false,
  connectTimeout: connectTimeoutMs,
  socketTimeout: silentMsMax,
  connectionName: 'tidegate-limiter',
  retryStrategy: (attempt) => Math.min(attempt * 50, reconnectMsMax) + Math.floor(Math.random() * 50),
  // A replica that was the master, or one still loading: connect anew (Sentinel then names the new master), send nothing again.
  reconnectOnError: ({ message }) => message.startsWith('READONLY') || message.includes('-READONLY'),
};

function parseSingleUrl(text: string): ConnectionOptions {
  const url = new URL(text);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 6_379 : Number(url.port),
    ...credentials(url),
    ...database(url.pathname.slice(1)),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

/** `redis+sentinel://[user:password@]host[:port],host[:port]/master[/db]`: no URL parser takes several hosts. */
function parseSentinelUrl(text: string): ConnectionOptions {
  const match = /^redis\+sentinel:\/\/(?:([^@/]*)@)?([^@/]+)\/([^/]+)(?:\/(\d+))?$/.exec(text);
  if (match === null) throw new TypeError('expected redis+sentinel://host:26379,host2:26379/master-name');
  const [, userInfo, hosts = '', name = '', db = ''] = match;
  const sentinels = hosts.split(',').map((host) => {
    const url = new URL(`redis://${host}`);
    return { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? sentinelPortDefault : Number(url.port) };
  });
  const user = userInfo === undefined ? {} : credentials(new URL(`redis://${userInfo}@host`));
  return { sentinels, name, ...user, ...database(db), failoverDetector: true };
}

function credentials({ username, password }: URL): ConnectionOptions {
  return {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
  };
}

function database(text: string): ConnectionOptions {
  return text === '' ? {} : { db: Number(text) };
}
