import { signToken, type TokenContents } from '@holdfast/auth';
import { afterEach, beforeEach } from 'vitest';
import { type GatewayInWorld, World } from './world.js';

/** What tokens of the gateway are signed with. */
export const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
const CONTENTS: TokenContents = { sub: 'ann', sessions: ['team-*'], scope: 'read write', ttl: 60 };

/** These belong to the running test; {@link setUpTokenGateway} makes them. */
export let world: World;
export let gateway: GatewayInWorld;

/** Before each test: a gateway that asks for tokens. It is closed after the test. */
export function setUpTokenGateway(): void {
  beforeEach(() => {
    world = new World();
    gateway = world.gateway({ AUTH_JWT_SECRET: SECRET });
  });
  afterEach(() => world.close());
}

/** A token that the gateway takes, unless told otherwise. */
export function tokenOf(contents: Partial<TokenContents> = {}, secret = SECRET): Promise<string> {
  return signToken(secret, { ...CONTENTS, ...contents }, world.clock.now());
}
