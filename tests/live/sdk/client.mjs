// One request by Node's own clients through a CONNECT proxy, without packages: `fetch`, or `http2` (which offers h2 only).
// node client.mjs fetch|http2 METHOD URL [BODY]: prints one JSON line. The proxy comes from HTTPS_PROXY, the CA from
// NODE_EXTRA_CA_CERTS, which Node reads itself.
import http from 'node:http';
import http2 from 'node:http2';
import tls from 'node:tls';

const [kind, method, address, body] = process.argv.slice(2);
const proxy = new URL(process.env.HTTPS_PROXY);
const url = new URL(address);
const type = 'application/json';

function tunnel(protocols) {
  const authority = `${url.hostname}:${url.port || 443}`;
  return new Promise((resolve, reject) => {
    const ask = http.request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: authority, headers: { host: authority } });
    ask.once('connect', (answer, socket) => {
      if (answer.statusCode !== 200) return reject(new Error(`CONNECT: ${answer.statusCode}`));
      const secured = tls.connect({ socket, servername: url.hostname, ALPNProtocols: protocols }, () => resolve(secured));
      secured.once('error', reject);
    });
    ask.once('error', reject);
    ask.end();
  });
}

async function byFetch() {
  await fetch('data:,');  // makes the global dispatcher, whose class is not exported otherwise
  const { constructor: Agent } = globalThis[Symbol.for('undici.globalDispatcher.1')];
  const connect = (_options, done) => tunnel(['http/1.1']).then((socket) => done(null, socket), done);
  const answer = await fetch(url, { method, body, headers: body ? { 'content-type': type } : {}, dispatcher: new Agent({ connect }) });
  return { status: answer.status, type: answer.headers.get('content-type'), body: await answer.text() };
}

async function byHttp2() {
  const socket = await tunnel(['h2']);
  const session = http2.connect(url, { createConnection: () => socket });
  return new Promise((resolve, reject) => {
    session.once('error', reject);
    const stream = session.request({ ':method': method, ':path': url.pathname + url.search, ...(body && { 'content-type': type }) });
    let head = {}, text = '';
    stream.setEncoding('utf8');
    stream.on('response', (fields) => { head = fields; });
    stream.on('data', (part) => { text += part; });
    stream.once('error', reject);
    stream.once('end', () => {
      session.close();
      resolve({ status: head[':status'], type: head['content-type'], body: text, alpn: socket.alpnProtocol });
    });
    stream.end(body);
  });
}

console.log(JSON.stringify(await (kind === 'http2' ? byHttp2() : byFetch())));
process.exit(0);
