import { describe, expect, it } from 'vitest';
import {
  asksForPassword,
  cannotWriteNow,
  commandTimedOut,
  connectionClosed,
  deniedPermission,
  handshakeRefusal,
  isCommandRefused,
  isCursorInvalid,
  isDemotedMaster,
  isRaisedInScript,
  isScriptUnknown,
  isSlotMoving,
  redisErrorKind,
  socketTimedOut,
} from './redis-errors.js';

const named = (name: string, message: string) => Object.assign(new Error(message), { name });
const coded = (code: string) => Object.assign(new Error(`connect ${code} 127.0.0.1:1`), { code });

describe('redisErrorKind', () => {
  it.each([
    [new Error('Command timed out'), 'timeout'],
    [new Error("Socket timeout. Expecting data, but didn't receive any in 1000ms."), 'timeout'],
    [coded('ETIMEDOUT'), 'timeout'],
    [new Error('Connection is closed.'), 'closed'],
    [new Error("Stream isn't writeable and enableOfflineQueue options is false"), 'closed'],
    [new Error("Cluster isn't ready and enableOfflineQueue options is false"), 'closed'],
    [named('MaxRetriesPerRequestError', 'Reached the max retries per request limit (which is 0).'), 'closed'],
    [named('AbortError', 'Command aborted due to connection close'), 'closed'],
    [coded('ECONNRESET'), 'closed'],
    [coded('ECONNREFUSED'), 'unreachable'],
    [coded('ENOTFOUND'), 'unreachable'],
    [named('ClusterAllFailedError', 'Failed to refresh slots cache.'), 'unreachable'],
    [new Error('All sentinels are unreachable. Retrying from scratch after 25ms.'), 'unreachable'],
    [Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 'tls'],
    [named('ReplyError', 'NOAUTH Authentication required.'), 'auth'],
    [named('ReplyError', 'WRONGPASS invalid username-password pair or user is disabled.'), 'auth'],
    [named('ReplyError', "NOPERM this user has no permissions to run the 'flushall' command"), 'auth'],
    [named('ReplyError', 'LOADING Redis is loading the dataset in memory'), 'loading'],
    [named('ReplyError', "OOM command not allowed when used memory > 'maxmemory'."), 'memory'],
    [named('ReplyError', "READONLY You can't write against a read only replica."), 'readonly'],
    [named('ReplyError', 'NOREPLICAS Not enough good replicas to write.'), 'readonly'],
    [named('ReplyError', 'CLUSTERDOWN Hash slot not served'), 'cluster'],
    [new Error('Too many Cluster redirections. Last error: ReplyError: MOVED 1 h:1'), 'cluster'],
    [named('ReplyError', 'WRONGTYPE Operation against a key holding the wrong kind of value'), 'reply'],
    [new Error('something else'), 'other'],
    ['not an error', 'other'],
  ])('sorts %s under %s', (error, kind) => {
    expect(redisErrorKind(error)).toBe(kind);
  });

  it('knows the errors that this package makes itself', () => {
    expect(redisErrorKind(commandTimedOut())).toBe('timeout');
    expect(redisErrorKind(socketTimedOut(1000))).toBe('timeout');
    expect(redisErrorKind(connectionClosed())).toBe('closed');
    expect(redisErrorKind(connectionClosed('127.0.0.1:7000'))).toBe('closed');
  });
});

const reply = (message: string) => named('ReplyError', message);
const NON_LOCAL = 'ERR Script attempted to access a non local key in a cluster node script: 0a, on @user_script:12.';

describe('what an error means', () => {
  it('A7: a slot is moving, also when another error carries the message', () => {
    for (const message of [NON_LOCAL, 'TRYAGAIN Multiple keys request during rehashing of slot']) {
      expect(isSlotMoving(reply(message)), message).toBe(true);
      expect(isSlotMoving(new Error(message, { cause: reply(message) })), message).toBe(true);
    }
    for (const message of ['MOVED 1 h:1', 'CLUSTERDOWN Hash slot not served', 'Command timed out']) {
      expect(isSlotMoving(new Error(message)), message).toBe(false);
    }
    expect(isSlotMoving('TRYAGAIN')).toBe(false);
  });

  it.each([
    ['ERR unknown command', true],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', true],
    ["NOPERM this user has no permissions to run the 'eval' command", true],
    [NON_LOCAL, false],
    ['LOADING Redis is loading the dataset in memory', false],
    ["OOM command not allowed when used memory > 'maxmemory'.", false],
    ["READONLY You can't write against a read only replica.", false],
  ])('%s: the command is refused for good: %s', (message, expected) => {
    expect(isCommandRefused(reply(message))).toBe(expected);
    expect(isCommandRefused(new Error(message))).toBe(false);
  });

  it.each([
    ["OOM command not allowed when used memory > 'maxmemory'. script: 8f2c, on @user_script:36.", true],
    ['ERR Error running script (call to f_8f2c): @user_script:36: -OOM command not allowed', true],
    ['MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.', true],
    ["READONLY You can't write against a read only replica. script: 8f2c, on @user_script:36.", true],
    ['NOREPLICAS Not enough good replicas to write.', true],
    ['ERR value is not an integer script: 8f2c, on @user_script:36.', false],
    ['NOPERM No permissions to access a key script: 8f2c, on @user_script:36.', false],
  ])('D1: %s: it cannot write now: %s', (message, expected) => {
    expect(cannotWriteNow(reply(message))).toBe(expected);
    expect(cannotWriteNow(new Error(message))).toBe(false);
  });

  it.each([
    ['NOPERM No permissions to access a channel script: 8f2c, on @user_script:36.', true],
    ['ERR value is not an integer script: 8f2c, on @user_script:36.', true],
    ['ERR Error running script (call to f_8f2c): @user_script:36: user_script:36: attempt to index a nil value', true],
    ["ERR Error running script (call to f_8f2c): @user_script: 36: -NOPERM The user can't run this command", true],
    ["NOPERM this user has no permissions to run the 'evalsha' command", false],
    ['NOPERM No permissions to access a key', false],
    ['NOSCRIPT No matching script. Please use EVAL.', false],
  ])('%s: raised while a script ran: %s', (message, expected) => {
    expect(isRaisedInScript(reply(message))).toBe(expected);
    expect(isRaisedInScript(new Error(message))).toBe(false);
  });

  it.each([
    ["NOPERM this user has no permissions to run the 'keys' command", 'command'],
    ["NOPERM this user has no permissions to run the 'set' command or its subcommand", 'command'],
    ["NOPERM User channelkeys has no permissions to run the 'get' command", 'command'],
    [
      "EXECABORT Transaction discarded because of: NOPERM this user has no permissions to run the 'exec' command",
      'command',
    ],
    ["ERR The user executing the script can't run this command or subcommand", 'command'],
    ["-NOPERM The user executing the script can't run this command or subcommand", 'command'],
    ['NOPERM this user has no permissions to access one of the keys used as arguments', 'key'],
    ['NOPERM No permissions to access a key', 'key'],
    [
      "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments",
      'key',
    ],
    ['NOPERM this user has no permissions to access one of the channels used as arguments', 'channel'],
    ["ERR The user executing the script can't publish to the channel mentioned in the command", 'channel'],
    ['NOPERM ACL failure in script: No permissions to access a channel', 'channel'],
    ['NOSCRIPT No matching script. Please use EVAL.', undefined],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', undefined],
    ['', undefined],
  ] as const)('D7: %s: not permitted: %s', (message, expected) => {
    expect(deniedPermission(message)).toBe(expected);
  });

  it('a script is unknown, a cursor is invalid, a master was demoted, a password is asked for', () => {
    expect(isCursorInvalid(reply('ERR invalid cursor'))).toBe(true);
    expect(isCursorInvalid(new RangeError('invalid cursor'))).toBe(true);
    expect(isCursorInvalid(reply('ERR syntax error'))).toBe(false);
    expect(isScriptUnknown(reply('NOSCRIPT No matching script. Please use EVAL.'))).toBe(true);
    expect(isScriptUnknown(reply('ERR NOSCRIPT'))).toBe(false);
    expect(isDemotedMaster(reply("READONLY You can't write against a read only replica."))).toBe(true);
    expect(isDemotedMaster(reply('ERR READONLY'))).toBe(false);
    expect(asksForPassword('-NOAUTH Authentication required.')).toBe(true);
    expect(asksForPassword('+PONG')).toBe(false);
  });
});

describe('a refused handshake', () => {
  const reply = (message: string, name: string, args: string[] = []) =>
    Object.assign(named('ReplyError', message), { command: { name, args } });

  it.each([
    [reply('ERR DB index is out of range', 'select', ['42']), /SELECT 42 .*the database in the URL/],
    [reply('NOPERM this user has no permissions', 'select', ['1']), /SELECT 1 /],
    [reply('WRONGPASS invalid username-password pair', 'hello', ['3', 'AUTH', 'u', 'secret']), /HELLO .*the password/],
    [reply('ERR invalid password', 'auth', ['secret']), /AUTH .*the password/],
    [reply("ERR unknown command 'info'", 'info'), /INFO .*renamed/],
    [reply('NOAUTH Authentication required.', 'info'), /INFO /],
  ])('D7: is told to operators without credentials: %s', (error, sentence) => {
    expect(handshakeRefusal(error)).toMatch(sentence);
    expect(handshakeRefusal(error)).not.toContain('secret');
  });

  it.each([
    reply('LOADING Redis is loading the dataset in memory', 'info'),
    reply('MASTERDOWN Link with MASTER is down', 'info'),
    reply('ERR max number of clients reached', 'hello'),
    reply("ERR unknown command 'get'", 'get'),
    named('ReplyError', 'WRONGPASS invalid username-password pair'),
    new Error('connect ECONNREFUSED 127.0.0.1:6379'),
  ])('D7: is nothing that gets better by itself, and no other command: %s', (error) => {
    expect(handshakeRefusal(error)).toBeUndefined();
  });
});
