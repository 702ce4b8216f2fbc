/**
 * How to talk to a server over WebSocket, as templates. In `path` and `publish` these places are filled: `{session}`,
 * `{member}` (its number), `{id}` (unique per message) and `{content}`.
 */
export interface Adapter {
  /** Path and query of the upgrade request. */
  readonly path: string;
  readonly subprotocol?: string;
  /** A frame to be sent when the socket is open. */
  readonly hello?: string;
  /** Beginning of the frame that tells a member that it is in its session. Absent: the open socket is enough. */
  readonly ready?: string;
  /** The frame that publishes a message. Contents and ids have no characters that JSON escapes. */
  readonly publish: string;
  /** Beginning of a frame with a message. Empty: every frame is a message. */
  readonly message: string;
  /** The application's own ping: the whole frame, and its answer. */
  readonly ping?: { readonly is: string; readonly answer: string };
  /** Whether `message` is followed by the message's number, which counts the messages of the session. */
  readonly numbered?: true;
}

const PLACE = /\{(session|member|id|content)\}/g;

/** Fills the places of a template for which there is a value. */
export function fill(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replace(PLACE, (place, name: string) => String(values[name] ?? place));
}

/** Splits a template at the places for id and content, so that a message is rendered by joining strings. */
export function renderer(template: string, known: Readonly<Record<string, string | number>>) {
  const parts = fill(template, known).split(PLACE);
  return (id: string, content: string): string => {
    let text = parts[0] ?? '';
    for (let at = 1; at < parts.length; at += 2) text += (parts[at] === 'id' ? id : content) + (parts[at + 1] ?? '');
    return text;
  };
}
