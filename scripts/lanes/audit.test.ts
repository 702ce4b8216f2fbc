import { describe, expect, it } from 'vitest';
import { judge } from './audit.js';

const TODAY = new Date('2026-11-28T12:00:00Z');
const URL = 'https://github.com/advisories/GHSA-aaaa-bbbb-cccc';
const REPORT = JSON.stringify({
  vulnerabilities: {
    weak: { via: [{ name: 'weak', title: 'Prototype pollution', severity: 'high', url: URL }] },
    above: { via: ['weak'] },
  },
});
const exception = (until: string) => ({ advisory: URL, why: 'it is not called', until });

describe('npm audit', () => {
  it('fails on each advisory once, and names it', () => {
    expect(judge(REPORT, [], TODAY)).toEqual({ failures: [`weak: Prototype pollution (high, ${URL})`], notes: [] });
  });

  it('bears an excepted advisory until the end of its last day', () => {
    expect(judge(REPORT, [exception('2026-11-28')], TODAY).failures).toEqual([]);
    expect(judge(REPORT, [exception('2026-11-27')], TODAY).failures).toEqual([
      `the exception of ${URL} has expired on 2026-11-27: look at it again`,
      `weak: Prototype pollution (high, ${URL})`,
    ]);
  });

  it('fails on exceptions that nothing needs, or that say neither why nor until when', () => {
    const clean = '{"vulnerabilities":{}}';
    expect(judge(clean, [exception('2027-01-01')], TODAY).failures).toHaveLength(1);
    expect(judge(clean, [{ ...exception('2027-01-01'), why: '' }], TODAY).failures[0]).toContain('needs advisory, why');
    expect(judge(clean, [exception('soon')], TODAY).failures).not.toEqual([]);
    expect(judge(clean, [], TODAY)).toEqual({ failures: [], notes: [] });
  });

  it.each(['', 'npm error network', '{"message":"405 Method Not Allowed","statusCode":405}', '{'])(
    'says that nothing was asked, and fails nothing, where the answer is %j',
    (output) => {
      const { failures, notes } = judge(output, [], TODAY);
      expect(failures).toEqual([]);
      expect(notes.join()).toMatch(/^NOT AUDITED/);
    },
  );
});
