import { namesOf } from '@holdfast/session-store';
import { SeededRandom } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { drawPlan, type Plan } from './plan.js';
import { type Scenario, vary } from './variety.js';

/** The plans of seeds in the four scenarios. */
const PLANS = Array.from({ length: 5_000 }, (_, seed) => {
  const random = new SeededRandom(seed);
  const before = drawPlan(random.fork('plan'));
  const of = (scenario: Scenario) => vary(random.fork('variety'), before, scenario);
  return { before, plan: of(2), shared: of(3), latest: of(4) };
});

const membersOf = ({ sessions }: Plan) => Math.max(...sessions.map(({ framed, plain }) => framed + plain));

describe('the second scenario', () => {
  it('leaves most sessions small, and has some of up to a hundred members', () => {
    const sizes = PLANS.map(({ plan }) => membersOf(plan));
    expect(Math.max(...sizes)).toBeGreaterThan(95);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(100);
    expect(sizes.filter((size) => size <= 6).length).toBeGreaterThan(4_800);
    expect(sizes.filter((size) => size > 20).length).toBeGreaterThan(30);
  });

  it('B6: gives each memory room for a largest message', () => {
    const large = PLANS.filter(({ plan }) => plan.largeMessages);
    expect(large.length).toBeGreaterThan(1_000);
    for (const { plan } of large) {
      const { memory, sessions } = plan.config;
      expect(plan.largeMessages?.limit).toBe(sessions.messageMaxBytes);
      expect(Math.min(...Object.values(memory))).toBeGreaterThanOrEqual(8 * sessions.messageMaxBytes);
    }
  });

  it('leaves what a seed draws otherwise as it was', () => {
    for (const { before, plan } of PLANS) {
      const { config, sessions, largeMessages: _added, hasGroups: _groups, storedKey: _key, ...rest } = plan;
      expect({ ...before, ...rest }).toEqual(before);
      expect(config.sessions.historyMax).toBe(before.config.sessions.historyMax);
      expect(sessions.slice(1)).toEqual(before.sessions.slice(1));
    }
  });
});

describe('the third scenario', () => {
  it('leaves a deployment as it was, and puts another one beside it in some seeds', () => {
    let shared = 0;
    for (const {
      plan,
      shared: { neighbour, config, ...rest },
    } of PLANS) {
      expect({ ...plan, ...rest }).toEqual(plan);
      if (neighbour) shared += 1;
      else expect(config).toEqual(plan.config);
    }
    expect(shared).toBeGreaterThan(300);
    expect(shared).toBeLessThan(500);
  });

  it('K7: gives the two no name in common', () => {
    for (const { shared } of PLANS) {
      const { neighbour, config } = shared;
      if (!neighbour) continue;
      const [one, other] = [namesOf(config.redis), namesOf(neighbour.config.redis)];
      expect(one.liveChannel('s0')).not.toBe(other.liveChannel('s0'));
      expect(one.broadcastChannel).not.toBe(other.broadcastChannel);
    }
  });
});

describe('the fourth scenario', () => {
  it('K2: leaves a seed as it was, but for a smaller bound of bytes in some', () => {
    let small = 0;
    for (const { shared, latest } of PLANS) {
      const { maxBytes, ...sessions } = latest.config.sessions;
      const before = shared.config.sessions.maxBytes;
      if (maxBytes < before) small += 1;
      expect({ ...latest, config: { ...latest.config, sessions: { ...sessions, maxBytes: before } } }).toEqual(shared);
    }
    expect(small).toBeGreaterThan(900);
    expect(small).toBeLessThan(1_100);
  });
});
