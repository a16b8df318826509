#!/usr/bin/env node
/** The command line from a checkout: `npm run popmesh -- <command>` or `scripts/popmesh.mjs <command>`. */
import { handOver, setUp } from './setup.mjs';

setUp();
handOver('packages/cli/src/main.ts', process.argv.slice(2));
