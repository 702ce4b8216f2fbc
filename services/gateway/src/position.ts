import type { Position } from '@holdfast/protocol';

/** The position of a room whose session has ended: it takes the next epoch from its first message on (G3). */
export const NOWHERE: Position = { epoch: '', seq: 0, id: '' };
