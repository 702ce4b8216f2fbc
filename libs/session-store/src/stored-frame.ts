const FRAME_HEAD = '{"type":"message","seq":';
const ID_HEAD = ',"id":"';

/** The V2 frame of a stored message from its log entry's parts. */
export function storedFrame(seq: number, id: string, body: string): string {
  return `${FRAME_HEAD}${seq}${ID_HEAD}${id}",${body}`;
}

/** Where the id begins in the frame of a number, in bytes. */
export function idAt(seq: number): number {
  return FRAME_HEAD.length + digits(seq) + ID_HEAD.length;
}

/** Where the log entry's body begins in the frame of a number, in bytes. */
export function bodyAt(seq: number, id: string): number {
  return idAt(seq) + id.length + 2;
}

function digits(seq: number): number {
  let count = 1;
  for (let rest = seq; rest >= 10; rest = Math.floor(rest / 10)) count += 1;
  return count;
}
