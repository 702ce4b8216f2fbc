import { randomUUID } from 'node:crypto';
import { BROADCAST_LEVELS, type BroadcastLevel, contentProblem } from '@holdfast/protocol';
import { Type } from 'typebox';
import type { Api, AppContext } from '../app-context.js';
import { storageUnavailable } from '../errors.js';
import { answers, success } from '../schemas.js';
import { contentRefused } from './messages.js';

const TITLE_MAX_LENGTH = 256;

const SENT = success(
  {
    id: Type.String(),
    timestamp: Type.Integer({ description: 'Unix milliseconds' }),
    gateways: Type.Integer({ description: 'how many gateways heard it' }),
  },
  'It is on its way to every connection.',
);

/** The route `POST broadcast/`, which tells every connection of every gateway and colour (P5, V9). */
export function broadcastRoutes(app: Api, { config, fanOut, logger, names, sessions }: AppContext): void {
  const maxBytes = config.sessions.messageMaxBytes;
  app.post(
    '/broadcast/',
    {
      schema: {
        tags: ['broadcast'],
        summary: 'Tell everybody',
        body: Type.Object({
          message: Type.String({ description: `a string of 1 to ${maxBytes} bytes` }),
          title: Type.String({
            maxLength: TITLE_MAX_LENGTH,
            default: '',
            description: `a string of at most ${TITLE_MAX_LENGTH} characters`,
          }),
          level: Type.Unsafe<BroadcastLevel>({
            type: 'string',
            enum: [...BROADCAST_LEVELS],
            default: 'info',
            description: `one of ${BROADCAST_LEVELS.join(', ')}`,
          }),
        }),
        response: answers({ 200: SENT }, 413, 415),
      },
    },
    async ({ body: { message, title, level } }) => {
      const problem = contentProblem(message, maxBytes);
      if (problem) throw contentRefused('message', problem, maxBytes);
      const [id, timestamp] = [randomUUID(), Date.now()];
      const gateways = await publish(id, JSON.stringify({ id, title, message, level, timestamp }));
      logger.info({ id, level, gateways }, `Broadcast published: ${id}`);
      return { success: true, id, timestamp, gateways };
    },
  );

  /** Gateways believe a broadcast only when Redis has it (F8). */
  async function publish(id: string, json: string): Promise<number> {
    try {
      await sessions.keepBroadcast(id, json);
      // What it says is not published: encrypted or not, it is read from Redis (E1).
      return await fanOut.publish(names.broadcastChannel, JSON.stringify({ id }));
    } catch (cause) {
      throw storageUnavailable({ cause });
    }
  }
}
