/** `npm run generate`: protobuf-es code from proto/. */
import { handOver, setUp } from './setup.mjs';

setUp();
handOver('scripts/generate.ts', process.argv.slice(2));
