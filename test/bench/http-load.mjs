// A closed-loop HTTP/1.1 load generator on raw sockets: it must cost far less than what it measures.
//   node http-load.mjs '{"port":8080,"connections":64,"seconds":10,"requests":["GET / HTTP/1.1\r\nHost: x\r\n\r\n"],"ratePerSecond":0}'
// Prints one JSON line: { sent, statuses, seconds, latencyMs: {p50,p90,p99,max} }. With ratePerSecond > 0 requests start
// on a schedule (open loop) and latency counts from the scheduled time, so a stall is not hidden. With firstAddress each
// request has `{address}` replaced by an IPv4 address of its own, counted from there; requestsMax ends the run earlier.
import { connect } from 'node:net';

const options = { host: '127.0.0.1', connections: 64, seconds: 10, ratePerSecond: 0, requestsMax: Infinity, ...JSON.parse(process.argv[2]) };
const requests = options.requests.map((text) => Buffer.from(text, 'latin1'));
const statuses = new Map();
const latencies = new Float64Array(4_000_000);
let sent = 0;
let done = 0;
let nextRequest = 0;
const startedAt = performance.now();
const endsAt = startedAt + options.seconds * 1_000;
const headEnd = Buffer.from('\r\n\r\n');

class Client {
  idle = true;
  sentAt = 0;
  pending = null;

  constructor() {
    this.open();
  }

  open() {
    this.socket = connect({ host: options.host, port: options.port, noDelay: true });
    this.socket.on('data', (chunk) => this.read(chunk));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      if (!this.idle) count(0, this.sentAt);
      this.idle = true;
      if (performance.now() < endsAt) {
        this.open();
        if (options.ratePerSecond === 0) this.send(performance.now());
      }
    });
  }

  send(at) {
    this.idle = false;
    this.sentAt = at;
    sent += 1;
    this.socket.write(request());
  }

  read(chunk) {
    const data = this.pending === null ? chunk : Buffer.concat([this.pending, chunk]);
    const end = data.indexOf(headEnd);
    if (end < 0) {
      this.pending = data;
      return;
    }
    const head = data.latin1Slice(0, end).toLowerCase();
    const at = head.indexOf('content-length: ');
    const length = at < 0 ? 0 : Number.parseInt(head.slice(at + 16), 10);
    const isComplete = at < 0 && head.includes('transfer-encoding') ? data.includes('0\r\n\r\n', end + 4) : data.length >= end + 4 + length;
    if (!isComplete) {
      this.pending = data;
      return;
    }
    this.pending = null;
    this.idle = true;
    count(Number(head.slice(9, 12)), this.sentAt);
    if (head.includes('connection: close')) this.socket.end();
    else if (options.ratePerSecond === 0 && performance.now() < endsAt && sent < options.requestsMax) this.send(performance.now());
  }
}

function request() {
  nextRequest += 1;
  if (options.firstAddress === undefined) return requests[nextRequest % requests.length];
  const number = options.firstAddress + nextRequest;
  const address = `${11 + ((number >>> 24) & 63)}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
  return options.requests[nextRequest % requests.length].replace('{address}', address);
}

function count(status, since) {
  statuses.set(status, (statuses.get(status) ?? 0) + 1);
  latencies[done % latencies.length] = performance.now() - since;
  done += 1;
  if (done === options.requestsMax) report();
}

const clients = Array.from({ length: options.connections }, () => new Client());
if (options.ratePerSecond === 0) {
  for (const client of clients) client.send(performance.now());
} else {
  let scheduled = 0;
  const tick = () => {
    const now = performance.now();
    const due = Math.min(Math.floor(((Math.min(now, endsAt) - startedAt) / 1_000) * options.ratePerSecond), scheduled + 1_000);
    for (; scheduled < due; scheduled += 1) {
      const client = clients.find((candidate) => candidate.idle);
      if (client === undefined) break;
      client.send(startedAt + (scheduled / options.ratePerSecond) * 1_000);
    }
    // Others share this core: it is given back until the next one is due.
    if (now < endsAt) setTimeout(tick, 0);
  };
  tick();
}

setTimeout(report, options.seconds * 1_000 + 300);

function report() {
  const sorted = latencies.subarray(0, Math.min(done, latencies.length)).sort();
  const at = (q) => Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0) * 1_000) / 1_000;
  const result = { sent, done, statuses: Object.fromEntries(statuses), seconds: options.seconds, latencyMs: { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) } };
  console.log(JSON.stringify(result));
  process.exit(0);
}
