import { Blob, File } from './blob.ts';
import { tag } from './define.ts';

/** FormData: an ordered list of names with strings or files. */

export type FormDataValue = string | File;
type Entry = [name: string, value: FormDataValue];

function toValue(value: unknown, fileName: string | undefined): FormDataValue {
  if (!(value instanceof Blob)) return `${value}`.toWellFormed();
  if (value instanceof File && fileName === undefined) return value;
  const name = fileName ?? (value instanceof File ? value.name : 'blob');
  return new File([value], name, { type: value.type });
}

export class FormData {
  #entries: Entry[] = [];

  constructor(form?: unknown) {
    if (form !== undefined) throw new TypeError('There are no HTML forms here');
  }

  append(name: string, value: unknown, fileName?: string): void {
    this.#entries.push([`${name}`.toWellFormed(), toValue(value, fileName)]);
  }

  set(name: string, value: unknown, fileName?: string): void {
    const entry: Entry = [`${name}`.toWellFormed(), toValue(value, fileName)];
    const at = this.#entries.findIndex(([other]) => other === entry[0]);
    if (at < 0) this.#entries.push(entry);
    else {
      this.#entries = this.#entries.filter(([other], i) => i <= at || other !== entry[0]);
      this.#entries[at] = entry;
    }
  }

  delete(name: string): void {
    this.#entries = this.#entries.filter(([other]) => other !== `${name}`);
  }

  get(name: string): FormDataValue | null {
    return this.#entries.find(([other]) => other === `${name}`)?.[1] ?? null;
  }

  getAll(name: string): FormDataValue[] {
    return this.#entries.filter(([other]) => other === `${name}`).map(([, value]) => value);
  }

  has(name: string): boolean {
    return this.#entries.some(([other]) => other === `${name}`);
  }

  forEach(
    callback: (value: FormDataValue, name: string, form: FormData) => void,
    self?: unknown,
  ): void {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }

  *entries(): IterableIterator<Entry> {
    for (let i = 0; i < this.#entries.length; i++) yield [...(this.#entries[i] as Entry)];
  }
  *keys(): IterableIterator<string> {
    for (const [name] of this) yield name;
  }
  *values(): IterableIterator<FormDataValue> {
    for (const [, value] of this) yield value;
  }

  declare [Symbol.iterator]: () => IterableIterator<Entry>;
}

Object.defineProperty(FormData.prototype, Symbol.iterator, {
  value: FormData.prototype.entries,
  writable: true,
  configurable: true,
});
tag(FormData, 'FormData');
