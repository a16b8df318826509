import { host, running } from './host.ts';

/**
 * Date and performance by the host's clock: the engine's own calls a WASI clock that
 * is stubbed with a trap. At build time it is the epoch, so that builds repeat.
 */

const EngineDate = Date;

export const nowMs = (): number => (running ? host.now() : 0);

function makeDate(): DateConstructor {
  function HostDate(this: unknown, ...args: unknown[]): unknown {
    if (!new.target) return new EngineDate(nowMs()).toString();
    return Reflect.construct(EngineDate, args.length === 0 ? [nowMs()] : args, new.target);
  }
  HostDate.prototype = EngineDate.prototype;
  Object.defineProperties(HostDate, {
    name: { value: 'Date', configurable: true },
    length: { value: 7, configurable: true },
    prototype: { writable: false, enumerable: false },
    now: { value: nowMs, writable: true, configurable: true },
    parse: { value: EngineDate.parse, writable: true, configurable: true },
    UTC: { value: EngineDate.UTC, writable: true, configurable: true },
  });
  Object.defineProperty(EngineDate.prototype, 'constructor', {
    value: HostDate,
    writable: true,
    configurable: true,
  });
  return HostDate as unknown as DateConstructor;
}

export const PlatformDate = makeDate();

export const performance = {
  now: (): number => (running ? host.monotonic() : 0),
  get timeOrigin(): number {
    return running ? host.now() - host.monotonic() : 0;
  },
  mark(): void {},
  measure(): void {},
  toJSON(): object {
    return { timeOrigin: this.timeOrigin };
  },
};
