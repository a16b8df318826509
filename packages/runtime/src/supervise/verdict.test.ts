import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PopmeshError } from '@popmesh/contracts';
import { verdictOf } from './verdict.ts';

/** Each author reads what to do about their own fault, not about another's. */

const MEMORY_MB = 64;
const verdict = (...error: ConstructorParameters<typeof PopmeshError>) =>
  verdictOf(new PopmeshError(...error), MEMORY_MB);

test('what to do goes with what was wrong', () => {
  const wrong = verdict('invalid_component', 'A core module does not compile: opcode');
  assert.equal(
    wrong.message,
    'The component does not start: A core module does not compile: opcode',
  );
  assert.match(wrong.hint ?? '', /newer or experimental features/);
  assert.match(verdict('timeout_exceeded', 'late').hint ?? '', /look for a loop/);
  assert.match(verdict('function_trapped', 'unreachable').hint ?? '', /64 MB of memory/);
  assert.equal(verdict('import_not_allowed', 'no', { hint: 'Use another.' }).hint, 'Use another.');
});

test('what the node could not tell is not held against the component', () => {
  assert.equal(verdict('unavailable', 'busy').code, 'unavailable');
});
