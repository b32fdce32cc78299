// The baseline: a minimal undici `dispatch` proxy. One unit of "bare hop" is its CPU per request, saturated.
//   node bare-hop.mjs PORT UPSTREAM_PORT
import { createServer } from 'node:http';
import { Pool } from 'undici';

const pool = new Pool(`http://127.0.0.1:${process.argv[3]}`, { connections: 64, pipelining: 1 });

createServer((req, res) => {
  const headers = req.rawHeaders.filter((_, at) => !/^(connection|host)$/i.test(req.rawHeaders[at - (at % 2)]));
  const options = { path: req.url, method: req.method, headers, body: req.method === 'GET' ? null : req };
  pool.dispatch(options, {
    onRequestStart() {},
    onResponseStart(_, status, fields) {
      res.writeHead(status, fields);
    },
    onResponseData(controller, chunk) {
      if (!res.write(chunk)) {
        controller.pause();
        res.once('drain', () => controller.resume());
      }
    },
    onResponseEnd() {
      res.end();
    },
    onResponseError() {
      if (!res.headersSent) res.writeHead(502);
      res.end();
    },
  });
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
