#!/usr/bin/env node
// Directs new sockets to a colour without a reload. Open sockets stay where they are.
//
//   node switch-color.mjs blue|green
//
// RUNTIME_SOCKET  HAProxy's runtime socket   (default /var/run/haproxy/runtime.sock)
// COLOR_MAP       path of the map in HAProxy's container     (default /usr/local/etc/haproxy/state/color.map)
//
// It refuses when no gateway of that colour is ready. The runtime socket changes only HAProxy's memory. The file is
// written too, because otherwise the next reload would bring the old colour back.
import { renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';

const { RUNTIME_SOCKET = '/var/run/haproxy/runtime.sock', COLOR_MAP = '/usr/local/etc/haproxy/state/color.map' } =
  process.env;
const TIMEOUT_MS = 5_000;

/** Sends one command to the runtime API and resolves with its answer. */
function runtime(command) {
  return new Promise((resolve, reject) => {
    const socket = connect(RUNTIME_SOCKET, () => socket.write(`${command}\n`));
    let answer = '';
    socket.setEncoding('utf8').setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('HAProxy does not answer')));
    socket.on('data', (text) => {
      answer += text;
    });
    socket.once('error', reject);
    socket.once('end', () => resolve(answer.trim()));
  });
}

/** How many servers of a backend are up, according to HAProxy. */
async function serversUp(backend) {
  const [header = '', ...rows] = (await runtime('show stat')).split('\n');
  const columns = header.replace(/^# /, '').split(',');
  const [proxy, server, status] = ['pxname', 'svname', 'status'].map((name) => columns.indexOf(name));
  return rows
    .map((row) => row.split(','))
    .filter((row) => row[proxy] === backend && row[server] !== 'BACKEND' && row[status].startsWith('UP')).length;
}

async function activeColor() {
  return /\bactive (\S+)$/m.exec(await runtime(`show map ${COLOR_MAP}`))?.[1];
}

async function main([color, ...more]) {
  if (!['blue', 'green'].includes(color) || more.length > 0) throw new Error('say which colour: blue or green');
  const up = await serversUp(`gateway_${color}`);
  if (up === 0) throw new Error(`no ${color} gateway is ready; new sockets stay with ${await activeColor()}`);
  const before = await activeColor();
  writeFileSync(`${COLOR_MAP}.new`, `active ${color}\n`);
  renameSync(`${COLOR_MAP}.new`, COLOR_MAP);
  await runtime(`set map ${COLOR_MAP} active ${color}`);
  const now = await activeColor();
  if (now !== color) throw new Error(`HAProxy still says ${now}`);
  process.stdout.write(`New sockets go to ${color} (${up} ready), before to ${before}.\n`);
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`Not switched: ${error.message}\n`);
  process.exitCode = 1;
});
