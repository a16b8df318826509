/** `npm run bench`: figures beside workerd and node:http, from one run. */
import { handOver, setUp } from './setup.mjs';

setUp();
handOver('scripts/bench/main.ts', process.argv.slice(2));
