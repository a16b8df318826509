/** Puts our classes where the standard puts them: writable, configurable, not enumerable. */
export function defineGlobal(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, {
    value,
    writable: true,
    configurable: true,
    enumerable: false,
  });
}

/** `Object.prototype.toString` and inspect show the standard's name. */
export function tag(kind: { prototype: object }, name: string): void {
  Object.defineProperty(kind.prototype, Symbol.toStringTag, {
    value: name,
    configurable: true,
  });
}
