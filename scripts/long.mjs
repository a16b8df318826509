/** `npm run long -- <part of a path>`: the test files that have it, with all of their cases. */
import { handOver, setUp } from './setup.mjs';

setUp();
handOver('scripts/run-tests.ts', ['--long', ...process.argv.slice(2)]);
