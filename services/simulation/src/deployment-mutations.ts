import type { Mutation } from './mutation.js';

/** Mutations by which a gateway believes what another deployment on its Redis publishes (K7). */
export const DEPLOYMENT_MUTATIONS: readonly Mutation[] = [
  {
    name: 'channels do not tell databases apart',
    rule: 'K7',
    scope: (scope) => ({ ...scope, database: 0 }),
  },
  {
    name: 'channels do not begin with the prefix of their deployment',
    rule: 'K7',
    scope: (scope) => ({ ...scope, keyPrefix: '' }),
  },
];
