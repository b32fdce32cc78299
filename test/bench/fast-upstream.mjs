// The cheapest honest upstream: raw sockets, one fixed answer per request head, bodies by Content-Length skipped.
//   node fast-upstream.mjs PORT [BODY_BYTES] [egress]
// With `egress` it also says what an egress gateway would, so that an ingress can be measured without one.
import { createServer } from 'node:net';

const body = 'x'.repeat(Number(process.argv[3] ?? 128));
const report = process.argv[4] === 'egress' ? 'x-tidegate-egress: u=127.0.0.1:7002;a=1;b=closed;t=0.4\r\n' : '';
const answer = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\nx-tidegate-backend: bench\r\n${report}\r\n${body}`);
const end = Buffer.from('\r\n\r\n');

createServer({ noDelay: true }, (socket) => {
  let pending = null;
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    let data = pending === null ? chunk : Buffer.concat([pending, chunk]);
    for (;;) {
      const at = data.indexOf(end);
      if (at < 0) break;
      const length = /content-length: *(\d+)/i.exec(data.latin1Slice(0, at));
      const total = at + 4 + Number(length?.[1] ?? 0);
      if (data.length < total) break;
      socket.write(answer);
      data = data.subarray(total);
    }
    pending = data.length > 0 ? data : null;
  });
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
