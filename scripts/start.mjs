/** `npm start`: set-up, then the local mesh. Arguments after `--` go to `popmesh dev`. */
import { handOver, setUp } from './setup.mjs';

setUp();
handOver('packages/cli/src/main.ts', ['dev', ...process.argv.slice(2)]);
