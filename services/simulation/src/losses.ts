import { messageName } from '@holdfast/session-store';
import type { Audit } from './audit.js';
import type { History } from './history.js';
import type { RedisDatabase } from './redis-database.js';
import type { SimGateway } from './sim-gateway.js';
import type { SimStore } from './sim-store.js';
import type { Change } from './stored.js';

/** An epoch that was deleted or has expired. */
interface Deleted {
  readonly how: 'deleted' | 'expired';
  readonly epoch: string;
  /** Contents that their senders knew to be stored. None of them may come back. */
  readonly accepted: ReadonlySet<string>;
}

export interface LossesOptions {
  readonly audit: Audit;
  readonly database: RedisDatabase;
  readonly gateways: () => readonly SimGateway[];
  /** Whether the sender of a content knows that it is stored. */
  readonly isAccepted: (content: string) => boolean;
}

/**
 * Knows which messages may be missing: those that Redis has lost and no living gateway had in its tail, and those that
 * were deleted or have expired. The latter must not come back.
 */
export class Losses {
  readonly #options: LossesOptions;
  /** Sessions that have lost something without a broken connection. */
  readonly #silent = new Set<History>();
  readonly #deleted = new Map<History, Deleted[]>();
  /** Every epoch that ever ended, also one that may come back: a gateway that remembers its end ends it again (G5). */
  readonly #ended = new Set<string>();

  constructor(options: LossesOptions) {
    this.#options = options;
  }

  /**
   * Redis loses data.
   *
   * @param how whether gateways notice it by their connections; a silent loss is noticed only by gateways with members
   *   of the session (F1)
   */
  lose(how: 'with its connections' | 'in silence', change: (store: SimStore) => void): void {
    const { audit, database } = this.#options;
    const before = [...audit.histories.values()].map((history) => ({
      history,
      kept: history.kept,
      // Messages in a deleted session that has come back are deleted with it.
      isDeleted: this.#ended.has(history.epoch),
    }));
    change(database.store);
    for (const { history, kept, isDeleted } of before) {
      history.isDisturbed = true;
      if (how === 'in silence') this.#silent.add(history);
      audit.take(history, 'lost');
      for (const stored of kept) {
        const isLeft = !isDeleted && this.#isInATail(history, stored.name);
        if (!history.has(stored.name) && !isLeft) this.#excuse(history, stored.content);
      }
      this.#mayReturn(history);
    }
  }

  /** A gateway is about to end. What only this gateway has is lost. */
  ending(gateway: SimGateway): void {
    for (const history of this.#options.audit.histories.values()) {
      if (!history.isDisturbed) continue;
      this.#forget(gateway, history);
      this.#mayReturn(history, gateway);
    }
  }

  /** The last member of a session has left a gateway. */
  left(gateway: SimGateway, history: History): void {
    if (this.#silent.has(history)) this.#forget(gateway, history);
  }

  #forget(gateway: SimGateway, history: History): void {
    const tail = gateway.tailOf(history.sessionId);
    for (const message of tail?.from(tail.firstSeq, Number.MAX_SAFE_INTEGER) ?? []) {
      const name = messageName(message);
      const stored = history.findByName(name);
      if (!stored || history.has(name) || this.#isInATail(history, name, gateway)) continue;
      this.#excuse(history, stored.content);
    }
  }

  /** A script is about to run. A session that it will not find has expired. */
  look(history: History): void {
    const { audit, database } = this.#options;
    if (!history.isShort || history.epoch === '' || database.store.look(history.sessionId)) return;
    audit.note(`${history.sessionId} has expired`);
    this.#end(history, 'expired');
  }

  /** An operator has deleted the session. */
  delete(history: History): void {
    this.#end(history, 'deleted');
  }

  /** A deleted session that had come back is deleted again, with the messages that were sent in it meanwhile. */
  bury(history: History): void {
    const { epoch } = history;
    if (this.#options.database.store.look(history.sessionId)?.epoch === epoch) return;
    for (const content of history.allOf(epoch)) history.excuse(content);
  }

  wasDeleted(history: History): boolean {
    return this.#deleted.has(history);
  }

  /** A message of an ended epoch that is in the log in the end, although it must not be. */
  returned(history: History): string | undefined {
    this.#mayReturn(history);
    const isKnown = this.#isKnownToExpire(history);
    const ended = this.#deleted.get(history)?.filter(({ how }) => how === 'deleted' || isKnown) ?? [];
    const back = ended.find(({ epoch }) => epoch === history.epoch);
    if (back) return `epoch ${back.epoch}`;
    const contents = new Set(history.kept.map(({ content }) => content));
    for (const { accepted } of ended) {
      for (const content of accepted) if (contents.has(content)) return content;
    }
    return undefined;
  }

  #end(history: History, how: 'deleted' | 'expired'): void {
    const { audit, isAccepted } = this.#options;
    const { epoch } = history;
    const contents = history.allOf(epoch);
    history.isDisturbed = true;
    history.wasEnded = true;
    // Earlier epochs are deleted together with the deleted one, wherever they are still known (G5).
    for (const content of how === 'deleted' ? history.contents : contents) history.excuse(content);
    if (how === 'deleted' || this.#isKnownToExpire(history)) {
      // A gateway that has forgotten a message stores it again when it is repeated in the next epoch (A4).
      const isForgotten = how === 'expired' && audit.tailsAreSmall;
      // A gateway that has never heard of the epoch does not know that its waiting messages belong to that epoch.
      const isUnheard = this.#options.gateways().some((gateway) => gateway.holdsUnplaced(history.sessionId));
      const accepted = new Set(isForgotten || isUnheard ? [] : contents.filter(isAccepted));
      this.#deleted.set(history, [...(this.#deleted.get(history) ?? []), { how, epoch, accepted }]);
      this.#ended.add(epoch);
    }
    audit.take(history, 'ended');
  }

  /** Whether all gateways that have messages of the session know how long it lives. */
  #isKnownToExpire({ sessionId, ttl, wasLost }: History): boolean {
    const { audit, gateways } = this.#options;
    if (wasLost || ttl === undefined) return false;
    return gateways().every((gateway) => !gateway.tailOf(sessionId) || audit.wasToldTtl(gateway.name, sessionId, ttl));
  }

  #excuse(history: History, content: string): void {
    this.#options.audit.note(`"${content}" of ${history.sessionId} is gone for good`);
    history.excuse(content);
  }

  /** A partition and an empty restart together may bring a deleted session back, because nobody remembers it (G5). */
  #mayReturn(history: History, without?: SimGateway): void {
    const { audit, database } = this.#options;
    const living = this.#options.gateways().filter((gateway) => gateway !== without && gateway.state !== 'gone');
    const deleted = this.#deleted.get(history)?.filter(({ epoch }) => {
      if (database.store.hasTombstone(history.sessionId, epoch)) return true;
      const isTold = (gateway: SimGateway) => audit.wasTold(gateway.name, epoch);
      return living.some(isTold) && living.every((gateway) => isTold(gateway) || !gateway.tailOf(history.sessionId));
    });
    if (deleted) this.#deleted.set(history, deleted);
  }

  #isInATail(history: History, name: string, without?: SimGateway): boolean {
    if (this.#options.audit.tailsAreSmall) return false;
    const [senderKey = '', id = ''] = name.split(' ');
    return this.#options.gateways().some((gateway) => {
      if (gateway === without || (this.#silent.has(history) && !gateway.hasMembers(history))) return false;
      return gateway.tailOf(history.sessionId)?.find(senderKey, id) !== undefined;
    });
  }
}

/** The changes that scripts make to a log without publishing them. */
export const CHANGE_BY: Readonly<Record<string, Change>> = {
  open: 'ended',
  heal: 'put back',
  fork: 'joined',
  bury: 'ended',
  remove: 'ended',
  extend: 'ended',
};
