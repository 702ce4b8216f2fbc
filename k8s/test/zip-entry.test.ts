import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readZipEntry } from './zip-entry.js';

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly packed: Buffer;
}

/** A zip archive of these entries. */
function zip(entries: readonly Entry[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, method, packed } of entries) {
    const header = Buffer.alloc(30);
    header.writeUInt32LE(0x04034b50, 0);
    header.writeUInt16LE(method, 8);
    header.writeUInt16LE(name.length, 26);
    const file = Buffer.concat([header, Buffer.from(name), packed]);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    files.push(file);
    directory.push(Buffer.concat([entry, Buffer.from(name)]));
    offset += file.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, ...directory, end]);
}

const archive = zip([
  { name: 'stored', method: 0, packed: Buffer.from('as it is') },
  { name: 'deflated', method: 8, packed: deflateRawSync('packed '.repeat(100)) },
  { name: 'odd', method: 12, packed: Buffer.from('?') },
]);

describe('readZipEntry', () => {
  it('reads what is stored and what is deflated', () => {
    expect(readZipEntry(archive, 'stored').toString()).toBe('as it is');
    expect(readZipEntry(archive, 'deflated').toString()).toBe('packed '.repeat(100));
  });

  it('says what it cannot read', () => {
    expect(() => readZipEntry(archive, 'absent')).toThrow('there is no absent in the archive');
    expect(() => readZipEntry(archive, 'odd')).toThrow('odd is packed with method 12');
    expect(() => readZipEntry(Buffer.from('no archive at all, whatever it says'), 'x')).toThrow('not a zip archive');
  });
});
