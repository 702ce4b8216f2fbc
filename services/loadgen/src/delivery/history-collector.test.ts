import { expect, it } from 'vitest';
import { HistoryCollector } from './history-collector.js';
import type { HistoryReader, StoredMessage } from './history-reader.js';
import { Journal } from './journal.js';
import { Violations } from './violations.js';

/** A history that keeps only its newest messages (K2). */
class TrimmedHistory implements HistoryReader {
  messages: StoredMessage[] = [];
  readonly asked: number[] = [];

  async read(_sessionId: string, afterSeq: number): Promise<StoredMessage[]> {
    this.asked.push(afterSeq);
    return this.messages.filter(({ seq }) => seq > afterSeq);
  }

  async remove(): Promise<void> {
    this.messages = [];
  }
}

function scene() {
  const history = new TrimmedHistory();
  const journal = new Journal('s', 24);
  const violations = new Violations();
  const collector = new HistoryCollector(history, journal, violations);
  const store = (seq: number) => {
    journal.add(`m${seq}`, 0);
    journal.accept(`m${seq}`, seq, 0);
    history.messages = [...history.messages, { seq, id: `m${seq}`, content: '' }].slice(-1_000);
  };
  return { history, violations, collector, store };
}

it('K2: gathers what is trimmed before the end', async () => {
  const { history, violations, collector, store } = scene();
  for (let seq = 1; seq <= 2_500; seq++) {
    store(seq);
    collector.readAhead();
    await Promise.resolve();
  }
  const found = await collector.finish(false);
  expect(found.map(({ seq }) => seq)).toEqual(Array.from({ length: 2_500 }, (_, index) => index + 1));
  expect(violations.total).toBe(0);
  expect(history.asked.length).toBeLessThan(15);
});

it('finds a history that changes what it said, unless it was said that it may', async () => {
  const changed = { seq: 3, id: 'other', content: '' };
  for (const mayDiffer of [false, true]) {
    const { history, violations, collector, store } = scene();
    for (let seq = 1; seq <= 400; seq++) store(seq);
    collector.readAhead();
    await collector.finish(false);
    history.messages[2] = changed;
    const found = await collector.finish(mayDiffer);
    expect(violations.counts()).toEqual(mayDiffer ? {} : { history_changed: 1 });
    expect(found[2]).toEqual(changed);
  }
});
