/**
 * What is bundled with every JavaScript function: globals first, since the author's
 * module (reached by serve.ts) may use them at its top level.
 */
import './install.ts';

export { popmeshDropped, popmeshEach, popmeshWatch } from './rejections.ts';
export { handle, settle } from './serve.ts';
