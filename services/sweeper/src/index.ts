export { type Sweeper, type SweeperDeps, startSweeper } from './sweeper.js';
