/** What happened in a run, line by line, when somebody wants to read it. */
export class Trace {
  readonly lines: string[] = [];
  /** Ask before building a line: most runs are not read. */
  readonly isOn: boolean;

  constructor(isOn: boolean) {
    this.isOn = isOn;
  }

  /** @param atMs virtual time */
  add(atMs: number, line: string): void {
    if (this.isOn) this.lines.push(`${atMs.toFixed(3).padStart(10)}  ${line}`);
  }

  /** A number that tells two traces apart (FNV-1a). */
  hash(): number {
    let hash = 0x811c9dc5;
    for (const line of this.lines) {
      for (let i = 0; i < line.length; i++) hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193);
    }
    return hash >>> 0;
  }
}
