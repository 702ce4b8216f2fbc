// A member of a session that answers `!help` and `!echo …`, also those that came while it was not running.
import { HoldfastClient } from '@holdfast/client';
import { WebSocket } from 'ws';
import { FileStorage } from './file-storage.js';

const {
  HOLDFAST_URL = 'ws://localhost:8000/ws/chat/',
  HOLDFAST_SESSION = 'my-session',
  HOLDFAST_TOKEN,
  BOT_FILE = 'bot-state.json',
} = process.env;

const client = new HoldfastClient({
  url: HOLDFAST_URL,
  sessionId: HOLDFAST_SESSION,
  redisPersistence: true,
  // Where the server asks for one. A bot that runs for longer than a token counts passes a function that fetches one.
  token: HOLDFAST_TOKEN,
  // Node 20 has no WebSocket of its own. From Node 22 on this line may go.
  webSocket: WebSocket,
  // Answers that are not accepted yet, and the place in the history, outlive the process.
  storage: new FileStorage(BOT_FILE),
  keepPosition: true,
});

/** @returns {string | undefined} nothing for what is not a command */
function answerTo(content) {
  if (content === '!help') return 'I know !help and !echo TEXT';
  if (content.startsWith('!echo ')) return content.slice('!echo '.length);
  return undefined;
}

client.on('state', ({ kind, reason }) => console.log(`bot: ${kind}${reason ? `, ${reason}` : ''}`));
client.on('storageError', (error) => console.error('bot: cannot keep its state:', error));
client.on('message', ({ seq, content, isSent }) => {
  const answer = isSent ? undefined : answerTo(content);
  if (answer === undefined) return;
  console.log(`bot: answers message ${seq}`);
  client.send(answer);
});
client.connect();

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => client.close());
