import { APPEND_MUTATIONS } from './append-mutations.js';
import { DELIVERY_MUTATIONS } from './delivery-mutations.js';
import { DEPLOYMENT_MUTATIONS } from './deployment-mutations.js';
import { HEAL_MUTATIONS } from './heal-mutations.js';
import { LOG_BOUNDS_MUTATIONS } from './log-bounds-mutations.js';
import type { Mutation } from './mutation.js';
import { OUTAGE_MUTATIONS } from './outage-mutations.js';
import { RESUME_MUTATIONS } from './resume-mutations.js';

/** All rules that are broken on purpose. If the audit does not notice one of them, it does not watch that rule. */
export const MUTATIONS: readonly Mutation[] = [
  ...APPEND_MUTATIONS,
  ...DELIVERY_MUTATIONS,
  ...RESUME_MUTATIONS,
  ...HEAL_MUTATIONS,
  ...OUTAGE_MUTATIONS,
  ...DEPLOYMENT_MUTATIONS,
  ...LOG_BOUNDS_MUTATIONS,
];
