import { clientAddress, isHostAllowed, isOriginAllowed, parseAddress } from '@holdfast/config';
import { chooseProtocol, headProblem, isSendId, isSeq, isSessionId, parseConnectQuery } from '@holdfast/protocol';
import { must, type Target } from '../target.js';

/** The query of a connect: session, position, token (C1, C2, R1). */
export const connectQueries: Target = {
  name: 'connect-queries',
  words: [
    ...['session=', 'redis_persistence=', 'presence=', 'token=', 'client=', 'last_seq=', 'last_id=', 'epoch='],
    ...['&', '=', '%', '%00', '%2e', '%2F', '%0d%0a', '%c0%80', '%F0%9F%98%80', '+', 'true', 'false', '..', '{a}:log'],
  ],
  run(input) {
    const parsed = parseConnectQuery(input);
    if (!parsed.ok) {
      must(parsed.error.length > 0 && parsed.error.length < 200, 'a refusal that repeats what it refuses');
      return parsed.field;
    }
    const { sessionId, resume } = parsed.request;
    must(sessionId === undefined || isSessionId(sessionId), 'an id that is none (C2)');
    if (!resume) return 'accepted';
    must(isSeq(resume.lastSeq), 'a position that is no number');
    must(resume.lastId === undefined || isSendId(resume.lastId), 'a last_id that is no id');
    must(/^[\w.~-]{0,64}$/.test(resume.epoch ?? ''), 'an epoch that is none');
    return 'accepted with a position';
  },
};

/** The headers that decide who may come in, as they stand on the wire: one a line (C3, C4, H5, N2). */
export const requestHeads: Target = {
  name: 'request-heads',
  words: [
    ...['Host: ', 'Origin: ', 'X-Forwarded-For: ', 'X-Forwarded-Host: ', 'X-Forwarded-Proto: ', 'https', '\r\n'],
    ...['Sec-WebSocket-Protocol: ', 'holdfast.v1', 'localhost', '127.0.0.1', '[::1]', '::ffff:', '@', ':80', ', '],
    ...['http://', 'https://', 'null', '.localhost', '%', '\u00ff', '\\', '#', '?', '//', ':65536', '0x7f.1'],
  ],
  run(input) {
    const pairs = input.split(/\r\n/).map((line) => {
      const at = line.indexOf(': ');
      return at < 0 ? ([line, ''] as const) : ([line.slice(0, at), line.slice(at + 2)] as const);
    });
    const header = (name: string): string | undefined => {
      const values = pairs.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
      return values.length === 0 ? undefined : values.join(', ');
    };
    const page = {
      origin: header('origin'),
      host: header('host'),
      forwardedHost: header('x-forwarded-host'),
      forwardedProto: header('x-forwarded-proto'),
    };
    const address = clientAddress('192.0.2.1', header('x-forwarded-for') ?? '', true);
    must(parseAddress(address) === address, 'an address that has two spellings');
    const isHost = isHostAllowed(page, { allowedHosts: ['chat.example'], trustProxy: true });
    const isOrigin = isOriginAllowed(page, { allowedOrigins: ['https://chat.example'], trustProxy: true });
    must(!isOrigin || page.origin === undefined || isOurs(page.origin), 'a foreign origin is allowed');
    chooseProtocol(header('sec-websocket-protocol') ?? '');
    const refused = headProblem({ method: 'GET', url: '/', httpVersion: '1.1', rawHeaders: pairs.flat() });
    return `${refused ? 'bad head' : 'head'}, ${isHost ? 'host' : 'foreign host'}, ${isOrigin ? 'origin' : 'foreign origin'}`;
  },
};

/** Whether a URL with this text leads to the one allowed origin. */
function isOurs(text: string): boolean {
  const { protocol, hostname, port } = new URL(text);
  return protocol === 'https:' && hostname === 'chat.example' && port === '';
}
