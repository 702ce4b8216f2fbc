import { randomBytes } from 'node:crypto';
import { connectFramed, eventually, type ServiceProcess, type WsClient } from '@holdfast/testkit';
import { expect } from 'vitest';
import type { Services } from './system.js';

/** Time to live of the session that expires. Seconds. */
const TTL = 2;
const PATIENCE_MS = 60_000;

/**
 * Two sessions: one is deleted, the other expires. Neither may come back, whatever data Redis comes back with (G5).
 */
export class EndedSessions {
  readonly #services: Services;
  readonly #run = randomBytes(4).toString('hex');
  #deletedEpoch = '';
  #expiring: readonly WsClient[] = [];

  private constructor(services: Services) {
    this.#services = services;
  }

  /** Gives both sessions a message and members at both gateways. The members of the expiring session stay. */
  static async begin(services: Services): Promise<EndedSessions> {
    for (;;) {
      const ended = new EndedSessions(services);
      await ended.#call('POST', '', { session_id: ended.#expiringId, ttl: TTL });
      ended.#expiring = await ended.#membersOf(ended.#expiringId);
      // On a machine that stands still the session may expire too early. A member that joins then opens a new session,
      // which would live for long.
      const ttl = await ended.#ttlOf(ended.#expiringId);
      if (ttl === undefined || ttl === TTL) return ended;
      for (const member of ended.#expiring) member.terminate();
    }
  }

  /** Deletes the other session. */
  async delete(): Promise<void> {
    const members = await this.#membersOf(this.#deletedId);
    await this.#call('DELETE', `${this.#deletedId}/delete/`);
    for (const { closed } of members) expect((await closed).code).toBe(4404);
  }

  /** Resolves when the time to live is over, even if nobody could see the session expire. */
  async expired(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, TTL * 1_000 + 100));
  }

  /** With Redis back: both sessions are gone for the API and for members, and the members that stayed were told. */
  async expectGone(): Promise<void> {
    for (const member of this.#expiring) {
      await member.frames.find({ type: 'session', event: 'expired' }, PATIENCE_MS);
    }
    for (const id of [this.#deletedId, this.#expiringId]) {
      await eventually(`${id} to be gone`, async () => (await this.#ask(id)).status === 404, {
        timeoutMs: PATIENCE_MS,
      });
    }
    for (const gateway of this.#services.gateways) {
      const member = await this.#connect(gateway, this.#deletedId, { epoch: this.#deletedEpoch, last_seq: 1 });
      expect(await member.closed, `who resumes it at ${gateway.name}`).toMatchObject({ code: 4404 });
    }
    for (const member of this.#expiring) member.terminate();
  }

  get #deletedId(): string {
    return `deleted-${this.#run}`;
  }

  get #expiringId(): string {
    return `expiring-${this.#run}`;
  }

  async #membersOf(session: string): Promise<WsClient[]> {
    const members = await Promise.all(this.#services.gateways.map((gateway) => this.#connect(gateway, session)));
    for (const member of members) {
      const { epoch } = await member.frames.next({ type: 'welcome' }, PATIENCE_MS);
      if (session === this.#deletedId) this.#deletedEpoch = String(epoch);
    }
    members[0]?.send({ type: 'send', id: 'only', content: 'only' });
    for (const member of members) await member.frames.next({ type: 'message', seq: 1 }, PATIENCE_MS);
    return members;
  }

  #connect(gateway: ServiceProcess, session: string, query: Record<string, string | number> = {}): Promise<WsClient> {
    return connectFramed(gateway.wsUrl, {
      query: { session, redis_persistence: true, ...query },
      timeoutMs: PATIENCE_MS,
    });
  }

  #ask(session: string): Promise<Response> {
    return fetch(`${this.#services.api.url}/api/sessions/${session}/`);
  }

  /** Undefined when the session has ended. */
  async #ttlOf(session: string): Promise<number | undefined> {
    const answer = await this.#ask(session);
    return answer.ok ? ((await answer.json()) as { data: { ttl: number } }).data.ttl : undefined;
  }

  async #call(method: string, path: string, body?: object): Promise<void> {
    const json = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const answer = await fetch(`${this.#services.api.url}/api/sessions/${path}`, { method, ...json });
    expect(answer.ok, `${method} ${path}: ${answer.status}`).toBe(true);
  }
}
