/** `npm test`: set-up, then every test. Arguments narrow the files: `npm test -- packages/gossip`. */
import { handOver, setUp } from './setup.mjs';

setUp();
handOver('scripts/run-tests.ts', process.argv.slice(2));
