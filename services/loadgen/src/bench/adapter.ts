/**
 * How to talk to a server, as templates: any server that speaks WebSocket can be driven with them. In `path` and
 * `publish` these are replaced: `{session}`, `{member}` (its number), `{id}` (unique per message), `{content}`.
 */
export interface Adapter {
  /** Path and query of the upgrade request. */
  readonly path: string;
  readonly subprotocol?: string;
  /** Frame that is sent once the socket is open. */
  readonly hello?: string;
  /** What the frame begins with that tells that the member is in. Absent: the open socket is enough. */
  readonly ready?: string;
  /** The frame that publishes a message. Content and id need no escapes. */
  readonly publish: string;
  /** What frames with messages begin with; empty: every frame is one. */
  readonly message: string;
  /** A ping of the application's own: a frame that is just this, and what answers it. */
  readonly ping?: { readonly is: string; readonly answer: string };
  /** Whether a message frame goes on with a number that grows by one from message to message of a session. */
  readonly numbered?: true;
}

const PLACE = /\{(session|member|id|content)\}/g;

/** Fills a template's places. */
export function fill(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replace(PLACE, (place, name: string) => String(values[name] ?? place));
}

/** Splits a template where id and content go, so that a message is rendered by joining strings. */
export function renderer(template: string, known: Readonly<Record<string, string | number>>) {
  const parts = fill(template, known).split(PLACE);
  return (id: string, content: string): string => {
    let text = parts[0] ?? '';
    for (let at = 1; at < parts.length; at += 2) text += (parts[at] === 'id' ? id : content) + (parts[at + 1] ?? '');
    return text;
  };
}
