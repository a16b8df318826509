/** `npm run check`: what needs no running system. */
import { handOver, setUp } from './setup.mjs';

setUp();
handOver('scripts/run-checks.ts', process.argv.slice(2));
