import { type AuthFrame, CLOSE, type FrameProblem, type PingFrame } from '@holdfast/protocol';
import type { Clock } from '../ports/clock.js';
import type { Room } from '../room/room.js';
import { type ClientRequest, readRequest } from './inbound.js';
import type { MessageIntake, SendingMember } from './message-intake.js';
import type { SendLimits } from './send-limits.js';
import type { TokenHolder, TokenWatch } from './token-watch.js';

/** A connection whose client has sent a frame. */
export interface FrameSender extends SendingMember, TokenHolder {
  /** Its limits, made when they are first asked for. @param nowMs monotonic milliseconds, as below */
  limitsAt(nowMs: number): SendLimits;
  /** Keeps the frames that come from now on. @returns to be called once: handles what was kept, in its order */
  hold(room: Room): () => void;
  /** Does something behind the frames that are kept; at once where none are. */
  inTurn(action: () => void): void;
}

export interface FrameHandlerOptions {
  readonly clock: Clock;
  /** Takes the messages that a connection's limits let through. */
  readonly intake: MessageIntake;
  /** Absent: clients have no tokens. */
  readonly tokens: Pick<TokenWatch, 'renew'> | undefined;
  /** Of one content (C6). Bytes. */
  readonly maxMessageBytes: number;
  /** Frames of any kind (V24). 0 is no limit. */
  readonly framesPerSecond: number;
}

/** Does what the frames of clients ask for, or answers why not (V20 to V24). One for all connections of a gateway. */
export class FrameHandler {
  readonly #options: FrameHandlerOptions;

  constructor(options: FrameHandlerOptions) {
    this.#options = options;
  }

  /** A frame within the rate limit, of a member of this room. */
  handle(sender: FrameSender, text: string, room: Room, nowMs: number): void {
    // An earlier frame of those that waited may have closed the connection.
    if (sender.closed) return;
    const request = this.#read(sender, text);
    switch (request.type) {
      case 'send':
        if (!sender.mayWrite) return forbid(sender, request.id);
        return this.#options.intake.send(sender, room, request, sender.limitsAt(nowMs), nowMs);
      case 'signal':
        if (!sender.mayWrite) return forbid(sender);
        return this.#options.intake.signal(sender, room, request);
      case 'ping':
        return pong(sender, request);
      case 'auth':
        return this.#renew(sender, request, room);
      case 'refused':
        return this.refuse(sender, request.problem);
    }
  }

  /** A frame above the rate (V24). @param retryAfterMs after which there is room for another */
  tooMany(sender: FrameSender, text: string, retryAfterMs: number, nowMs: number): void {
    const limits = sender.limitsAt(nowMs);
    if (limits.takeExcess(nowMs)) return sender.close(CLOSE.rate);
    const request = this.#read(sender, text);
    if (request.type === 'refused' && request.problem.code === 'invalid_frame') {
      return this.refuse(sender, request.problem);
    }
    // It asks whether this side lives.
    if (request.type === 'ping') return pong(sender, request);
    const message = `at most ${this.#options.framesPerSecond} frames a second`;
    const refusal = { code: 'rate_limited', message, retryAfterMs } as const;
    if (request.type === 'send') {
      const { id } = request;
      // What was sent before it must not be taken for sent behind it (V20).
      sender.inTurn(() =>
        this.#options.intake.refuse(sender, { id }, refusal, limits, this.#options.clock.monotonic()),
      );
    } else if (limits.takeAnswer(nowMs)) sender.tell({ type: 'error', ...refusal });
  }

  /** A frame that cannot be taken as it is (V23). */
  refuse(sender: FrameSender, problem: FrameProblem): void {
    sender.tell({ type: 'error', ...problem });
    if (problem.code !== 'invalid_frame') return;
    const nowMs = this.#options.clock.monotonic();
    if (sender.limitsAt(nowMs).takeInvalidFrame(nowMs)) sender.close(CLOSE.protocolAbuse);
  }

  /** What the client sends behind its new token is done with the rights of that one (V22). */
  #renew(sender: FrameSender, { token }: AuthFrame, room: Room): void {
    const { tokens } = this.#options;
    // Without tokens there is none to replace.
    if (tokens) void tokens.renew(sender, token).then(sender.hold(room));
  }

  #read(sender: FrameSender, text: string): ClientRequest {
    return readRequest(text, sender.protocol, this.#options.maxMessageBytes);
  }
}

function pong(sender: FrameSender, { id }: PingFrame): void {
  sender.tell(id === undefined ? { type: 'pong' } : { type: 'pong', id });
}

function forbid(sender: FrameSender, id?: string): void {
  const message = 'the token of this connection does not allow it to write';
  sender.tell({ type: 'error', code: 'forbidden', message, ...(id !== undefined && { id }) });
}
