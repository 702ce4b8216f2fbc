import { noteLack, type RedisClient } from './create-redis.js';
import { deniedPermission } from './redis-errors.js';
import { RedisRefusedError } from './wait-until-ready.js';

/** What a service has to be allowed on some keys. */
export interface PermissionNeed {
  /**
   * The keys that the commands are tried on, all of one slot (K4). Nobody keeps anything under them, and they are deleted
   * afterwards. Behind a `!` in a name stands what the service chooses itself, so that the rule for it ends in `*` there.
   */
  readonly keys: readonly string[];
  /** Tried inside a script: commands with their arguments, each harmless on keys that do not exist. */
  readonly commands: readonly (readonly string[])[];
  /** Commands that no script may call, with their arguments; just as harmless. */
  readonly direct?: readonly (readonly [string, ...string[]])[];
}

/** How often a lack is looked for again, milliseconds: nothing tells a process that its permissions have changed. */
const LOOK_AGAIN_MS = 5_000;

/**
 * Tries each command, and answers what Redis says about each: '' where it did not refuse. It writes at most keys that it
 * deletes in the same step. Trying works with every Redis, while ACL DRYRUN needs Redis 7 and a permission of its own.
 */
const TRY = `local said = {}
for at, command in ipairs(cjson.decode(ARGV[1])) do
  local reply = redis.pcall(unpack(command))
  said[at] = type(reply) == 'table' and reply.err or ''
end
for _, key in ipairs(KEYS) do redis.pcall('DEL', key) end
return said`;

/**
 * Finds the permissions that a client's user lacks.
 *
 * @returns a rule for each, as an access list has it: `+xadd`, `~session:*`, `&holdfast:*`
 * @throws {Error} when Redis does not answer
 */
export async function missingPermissions(client: RedisClient, needs: readonly PermissionNeed[]): Promise<string[]> {
  const missing = new Set<string>();
  const note = (said: string, command: readonly string[]): void => {
    const rule = missingRule(said, command);
    if (rule !== undefined) missing.add(rule);
  };
  // An unknown hash: where the permission is there, Redis says that there is no such script.
  const unknown = ['evalsha', '0'.repeat(40), '0'] as const;
  note(await told(() => client.call(...unknown)), unknown);
  for (const { keys, commands, direct = [] } of needs) {
    const allowed: string[] = [];
    for (const key of keys) {
      const said = await told(() => client.eval('return 1', 1, key));
      if (deniedPermission(said) === 'command') return ['+eval', ...missing];
      if (deniedPermission(said) === undefined) allowed.push(key);
      else missing.add(`~${patternOf(key)}`);
    }
    // A command on a key that is out of reach is tried when the rule for the key is there.
    const isReached = (command: readonly string[]): boolean =>
      !keys.some((key) => command.includes(key) && !allowed.includes(key));
    const tried = commands.filter(isReached);
    const said = (await client.eval(TRY, allowed.length, ...allowed, JSON.stringify(tried))) as string[];
    for (const [at, command] of tried.entries()) note(said[at] ?? '', command);
    for (const command of direct.filter(isReached)) note(await told(() => client.call(...command)), command);
  }
  return [...missing];
}

/**
 * Checks a client's permissions now, if it is connected, and after every new connection. What is lacking is told once,
 * and looked for again until it is there (D7).
 *
 * @param find finds what is lacking, as {@link missingPermissions} does
 * @param onRefused gets a sentence each time something else is lacking than before
 * @throws {RedisRefusedError} when something is lacking now
 */
export async function watchPermissions(
  client: RedisClient,
  find: () => Promise<readonly string[]>,
  onRefused: (reason: string) => void,
): Promise<void> {
  let known: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<string | undefined> => {
    clearTimeout(timer);
    const lack = lackOf(await find());
    noteLack(client, lack);
    if (lack !== undefined && client.status !== 'end') timer = setTimeout(lookAgain, LOOK_AGAIN_MS).unref();
    return lack;
  };
  const lookAgain = (): void => {
    look().then(
      (lack) => {
        if (lack !== undefined && lack !== known) onRefused(lack);
        known = lack;
      },
      // Redis does not answer. The next connection is checked anew.
      () => undefined,
    );
  };
  client.on('ready', lookAgain);
  client.on('end', () => clearTimeout(timer));
  if (client.status !== 'ready') return;
  const lack = await look().catch(() => undefined);
  if (lack === undefined) return;
  clearTimeout(timer);
  throw new RedisRefusedError(lack);
}

/** A sentence about missing permissions, or nothing where there are none. */
function lackOf(missing: readonly string[]): string | undefined {
  if (missing.length === 0) return undefined;
  return `Redis does not permit this user what is needed; its access list lacks ${missing.join(' ')}`;
}

/** What Redis says: '' where it does not complain. */
export async function told(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
    return '';
  } catch (error) {
    if (error instanceof Error && error.name === 'ReplyError') return error.message;
    throw error;
  }
}

/**
 * The rule that permits what Redis has refused.
 *
 * @param said what Redis said to the command
 * @returns nothing where it refused nothing
 */
export function missingRule(said: string, [name = '', first = '']: readonly string[]): string | undefined {
  switch (deniedPermission(said)) {
    case 'command':
      return name === 'pubsub' ? `+pubsub|${first}` : `+${name}`;
    case 'key':
      return `~${patternOf(first)}`;
    case 'channel':
      return `&${patternOf(first)}`;
    case undefined:
      return undefined;
  }
}

function patternOf(name: string): string {
  const chosen = name.indexOf('!');
  return chosen < 0 ? name : `${name.slice(0, chosen)}*`;
}
