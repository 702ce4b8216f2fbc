import { afterAll, describe, expect, it } from 'vitest';
import { startChild } from './child.js';
import { runningParts, stopAll } from './cleanup.js';

afterAll(stopAll);

const node = (script: string, name = 'script') => startChild({ name, command: process.execPath, args: ['-e', script] });

describe('startChild', () => {
  it('collects the lines of both streams and how the process ended', async () => {
    const child = await node('console.log("out"); console.error("err"); process.exitCode = 3');
    await expect(child.exited).resolves.toEqual({ code: 3, signal: null });
    expect(child.log.lines.toSorted()).toEqual(['err', 'out']);
    expect(child.exit).toEqual({ code: 3, signal: null });
  });

  it('ends a process by the signal it is told', async () => {
    const child = await node(
      'process.on("SIGTERM", () => process.exit(7)); setInterval(() => {}, 1e6); console.log("up")',
    );
    await child.log.waitFor('up');
    await expect(child.stop()).resolves.toEqual({ code: 7, signal: null });
  });

  it('ends a paused process', async () => {
    const child = await node('setInterval(() => {}, 1e6); console.log("up")');
    await child.log.waitFor('up');
    child.pause();
    await expect(child.stop()).resolves.toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('kills a process that does not end in time, and says so', async () => {
    const child = await node(
      'process.on("SIGTERM", () => {}); setInterval(() => {}, 1e6); console.log("deaf")',
      'deaf one',
    );
    await child.log.waitFor('deaf');
    await expect(child.stop('SIGTERM', 50)).rejects.toThrow(/deaf one to end; last lines:\ndeaf/);
    expect(child.exit).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('is forgotten by the cleanup once it has ended', async () => {
    const child = await node('setInterval(() => {}, 1e6)', 'remembered');
    expect(runningParts()).toContain('remembered');
    await child.kill();
    expect(runningParts()).not.toContain('remembered');
  });

  it('says what could not be started', async () => {
    await expect(startChild({ name: 'redis', command: '/nowhere/redis-server' })).rejects.toThrow(
      'cannot start redis (/nowhere/redis-server)',
    );
  });

  it('counts a process as ended although a child of its own holds its output', async () => {
    const child = await startChild({ name: 'shell', command: 'sh', args: ['-c', 'sleep 1000 & echo $!; wait'] });
    const orphan = Number(await child.log.waitFor(/^\d+$/));
    await expect(child.kill()).resolves.toEqual({ code: null, signal: 'SIGKILL' });
    process.kill(orphan, 'SIGKILL');
  });

  it('inherits nothing into a given environment', async () => {
    const child = await startChild({
      name: 'env',
      command: process.execPath,
      args: ['-p', 'JSON.stringify(Object.keys(process.env))'],
      env: { ONLY: 'this' },
    });
    await child.exited;
    expect(JSON.parse(child.log.lines.join(''))).toEqual(['ONLY']);
  });
});
