/** Written by `npm run generate` (scripts/engines.ts). Take out what nobody serves any more. */
import type { Engine } from '../engines.ts';

export const ENGINES: readonly Engine[] = [
  {
    skeleton: 'dd3bdd411e43b9c77d03636c79a425e639b7f462a84b63e05c4c29e73c9c5d2a',
    memoryPages: 96,
    builtBy: 'popmesh-builder componentize-qjs 0.4.5',
  },
  {
    skeleton: '9f2fd25af272d1cea3ec93f838749363c0eabf5e54e6ceac972254e8f810cabb',
    memoryPages: 48,
    builtBy: 'popmesh-builder componentize-qjs 0.4.5',
  },
];
