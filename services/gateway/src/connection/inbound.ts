import {
  type ClientFrame,
  contentProblem,
  type FrameProblem,
  parseClientFrame,
  type SendFrame,
  type WireProtocol,
} from '@holdfast/protocol';

/** A message as its client sent it, on either protocol. */
export interface ClientMessage {
  readonly type: 'send';
  /** The client's own id; absent on the plain protocol, where the gateway makes one. */
  readonly id?: string;
  /** The content as a JSON string, with its quotes: it goes into the stored frame as it stands here (V2). */
  readonly contentJson: string;
  /** Set on a retry (A4): the position after which an earlier attempt can be stored, or `anywhere`. */
  readonly retry?: NonNullable<SendFrame['after']> | 'anywhere';
}

/** What one frame of a client asks for. */
export type ClientRequest =
  | ClientMessage
  | Exclude<ClientFrame, SendFrame>
  | { readonly type: 'refused'; readonly problem: FrameProblem };

/**
 * A send as almost every client writes it (V20): the fields in this order, and a content without escapes. Such a
 * content is rendered in the frame of V2 with the same characters, so it is neither parsed nor rendered again.
 */
const COMMON_SEND = /^\{"type":"send","id":"([A-Za-z0-9._~-]{1,64})","content":("[^"\\\p{Cc}]+")\}$/u;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Copies the text out of a frame: the WebSocket library lends the bytes for the duration of its call only. The library
 * has checked that text frames are UTF-8; a binary frame is checked here.
 *
 * @returns undefined for a binary frame that is not UTF-8
 */
export function copyText(data: ArrayBuffer, isBinary: boolean): string | undefined {
  if (!isBinary) return Buffer.from(data).toString('utf8');
  try {
    return utf8.decode(data);
  } catch {
    return undefined;
  }
}

/**
 * Reads one frame: the content of a message on the plain protocol (P1), an object with a `type` on the framed one (V20
 * to V23). Never throws.
 *
 * @param maxMessageBytes the limit on one content, bytes of UTF-8 (C6)
 */
export function readRequest(text: string, protocol: WireProtocol, maxMessageBytes: number): ClientRequest {
  return protocol === 'plain' ? readPlain(text, maxMessageBytes) : readFramed(text, maxMessageBytes);
}

function readPlain(content: string, maxMessageBytes: number): ClientRequest {
  const problem = contentProblem(content, maxMessageBytes);
  return problem ? { type: 'refused', problem } : { type: 'send', contentJson: JSON.stringify(content) };
}

function readFramed(text: string, maxMessageBytes: number): ClientRequest {
  const common = readCommonSend(text, maxMessageBytes);
  if (common) return common;
  const parsed = parseClientFrame(text, maxMessageBytes);
  if (!parsed.ok) return { type: 'refused', problem: parsed.problem };
  const { frame } = parsed;
  if (frame.type !== 'send') return frame;
  const { id, content, retry, after } = frame;
  const message = { type: 'send', id, contentJson: JSON.stringify(content) } as const;
  return retry ? { ...message, retry: after ?? 'anywhere' } : message;
}

/**
 * The fast way for {@link COMMON_SEND}.
 *
 * @returns undefined for any other frame, which then has to be parsed
 */
export function readCommonSend(text: string, maxMessageBytes: number): ClientMessage | undefined {
  // One UTF-16 unit takes at most three bytes of UTF-8: a frame this short cannot hold a content above the limit.
  if (text.length * 3 > maxMessageBytes) return undefined;
  const [, id, contentJson] = COMMON_SEND.exec(text) ?? [];
  return id === undefined || contentJson === undefined ? undefined : { type: 'send', id, contentJson };
}
