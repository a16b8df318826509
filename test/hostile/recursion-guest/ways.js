// One entry per way to go deep. `step` counts the levels; what is thrown is looked at by index.js.

const DEEP = 100_000;
const nested = (levels, wrap) => {
  let inner = wrap(undefined);
  for (let i = 0; i < levels; i++) inner = wrap(inner);
  return inner;
};
const text = (open, close, levels, middle = '') =>
  open.repeat(levels) + middle + close.repeat(levels);

/** Functions that call themselves. */
const calls = {
  plain: (step) => {
    const deep = () => {
      step();
      return deep() + 1;
    };
    deep();
  },
  arguments: (step) => {
    function deep(a, b, c, d, e) {
      step();
      const [x, y] = [a + 1, b + 1];
      return deep(x, y, c, d, e) + x + y;
    }
    deep(1, 2, 3, 4, 5);
  },
  method: (step) => {
    class One {
      deep() {
        step();
        return this.deep() + 1;
      }
    }
    new One().deep();
  },
  constructor: (step) => {
    class One {
      constructor() {
        step();
        this.inner = new One();
      }
    }
    new One();
  },
  mutual: (step) => {
    const one = () => {
      step();
      return other() + 1;
    };
    const other = () => {
      step();
      return one() + 1;
    };
    one();
  },
  'default parameter': (step) => {
    const inner = () => {
      step();
      return deep();
    };
    const deep = (a = inner()) => a;
    deep();
  },
  'tagged template': (step) => {
    const deep = () => {
      step();
      return deep`a${1}`;
    };
    deep();
  },
  'try and finally': (step) => {
    const deep = () => {
      try {
        step();
        deep();
      } finally {
        step();
      }
    };
    deep();
  },
  getter: (step) => {
    const one = {
      get deep() {
        step();
        return this.deep;
      },
    };
    return one.deep;
  },
  setter: (step) => {
    const one = {
      set deep(value) {
        step();
        this.deep = value;
      },
    };
    one.deep = 1;
  },
  proxy: (step) => {
    const one = new Proxy(
      {},
      {
        get: (_, key, receiver) => {
          step();
          return receiver[key];
        },
      },
    );
    return one.deep;
  },
  iterator: (step) => {
    const one = {
      [Symbol.iterator]() {
        step();
        return [...one];
      },
    };
    return [...one];
  },
  'generator in for-of': (step) => {
    const one = {
      *[Symbol.iterator]() {
        step();
        for (const item of one) yield item;
      },
    };
    return [...one];
  },
  'yield*': (step) => {
    function* deep() {
      step();
      yield* deep();
    }
    return [...deep()];
  },
};

/** Through a native function at each level. */
const callbacks = {
  map: (step) => {
    const deep = (n) => {
      step();
      return [n].map(deep);
    };
    deep(1);
  },
  forEach: (step) => {
    const deep = (n) => {
      step();
      return [n].forEach(deep);
    };
    deep(1);
  },
  reduce: (step) => {
    const deep = () => {
      step();
      return [1, 2].reduce(deep);
    };
    deep();
  },
  'Array.from': (step) => {
    const deep = () => {
      step();
      return Array.from([1], deep);
    };
    deep();
  },
  sort: (step) => {
    const deep = () => {
      step();
      [2, 1].sort(deep);
      return 0;
    };
    deep();
  },
  'typed sort': (step) => {
    const deep = () => {
      step();
      new Uint8Array([2, 1]).sort(deep);
      return 0;
    };
    deep();
  },
  apply: (step) => {
    function deep() {
      step();
      return deep.apply(this, [1]);
    }
    deep();
  },
  bind: (step) => {
    function deep() {
      step();
      return deep.bind(this)();
    }
    deep();
  },
  'Reflect.construct': (step) => {
    function Deep() {
      step();
      return Reflect.construct(Deep, []);
    }
    new Deep();
  },
  toString: (step) => {
    const one = {
      toString() {
        step();
        return `${one}`;
      },
    };
    return `${one}`;
  },
  valueOf: (step) => {
    const one = {
      valueOf() {
        step();
        return Number(one);
      },
    };
    return one + 1;
  },
  join: (step) => {
    const one = {
      toString() {
        step();
        return [one].join();
      },
    };
    return [one].join();
  },
  replace: (step) => {
    const deep = () => {
      step();
      return 'a'.replace(/a/, deep);
    };
    deep();
  },
  reviver: (step) => {
    const deep = () => {
      step();
      return JSON.parse('[1]', deep);
    };
    deep();
  },
  replacer: (step) => {
    const deep = () => {
      step();
      return JSON.stringify([1], deep);
    };
    deep();
  },
  toJSON: (step) => {
    const one = {
      toJSON() {
        step();
        return JSON.stringify(one);
      },
    };
    return JSON.stringify(one);
  },
  species: (step) => {
    class One extends Array {
      static get [Symbol.species]() {
        step();
        return new One(1, 2).map((n) => n).constructor;
      }
    }
    return new One(1, 2).map((n) => n);
  },
  'Object.assign': (step) => {
    const one = {
      get deep() {
        step();
        return Object.assign({}, one);
      },
    };
    return Object.assign({}, one);
  },
  'iterator helper': (step) => {
    const deep = () => {
      step();
      return [1].values().map(deep).toArray();
    };
    deep();
  },
  'generator.next': (step) => {
    function* deep() {
      step();
      yield deep().next();
    }
    deep().next();
  },
};

/** Rejections rather than exceptions: the levels count. */
const promises = {
  async: (step) => {
    const deep = async () => {
      step();
      await deep();
    };
    return deep();
  },
  'async generator': (step) => {
    async function* deep() {
      step();
      for await (const item of deep()) yield item;
    }
    return deep().next();
  },
  'new Promise': (step) => {
    const deep = () =>
      new Promise((resolve) => {
        step();
        resolve(deep());
      });
    return deep();
  },
};

/** Data and source text that is deep; one step, and then a native function does the rest. */
const data = {
  'JSON.parse [': () => JSON.parse(text('[', ']', 1_000_000)),
  'JSON.parse [, never closed': () => JSON.parse('['.repeat(1_000_000)),
  'JSON.parse {': () => JSON.parse(text('{"a":', '}', 1_000_000, '1')),
  'JSON.stringify of arrays': () => JSON.stringify(nested(DEEP, (inner) => [inner])),
  'JSON.stringify of objects': () => JSON.stringify(nested(DEEP, (inner) => ({ inner }))),
  'chain of iterator helpers': () => {
    let chain = [1].values();
    for (let i = 0; i < DEEP; i++) chain = chain.map((item) => item);
    return chain.next();
  },
  'String of nested arrays': () => String(nested(DEEP, (inner) => [inner])),
  flat: () => nested(DEEP, (inner) => [inner]).flat(Number.POSITIVE_INFINITY),
  'structuredClone of arrays': () => structuredClone(nested(DEEP, (inner) => [inner])),
  'structuredClone of objects': () => structuredClone(nested(DEEP, (inner) => ({ inner }))),
  'structuredClone of maps': () => structuredClone(nested(DEEP, (inner) => new Map([[1, inner]]))),
  'proxies of proxies': () => nested(DEEP, (inner) => new Proxy(inner ?? {}, {})).deep,
  'keys of proxies of proxies': () =>
    Object.keys(nested(DEEP, (inner) => new Proxy(inner ?? {}, {}))),
  'new Function: (': () => new Function(`return ${text('(', ')', 50_000, '1')}`),
  'new Function: [': () => new Function(`return ${text('[', ']', 50_000, '1')}`),
  'new Function: {': () => new Function(text('{', '}', 50_000)),
  'new Function: if': () => new Function(`${'if(1)'.repeat(50_000)};`),
  'new Function: template': () => new Function(`return ${text('`${', '}`', 50_000, '1')}`),
  'new Function: new': () => new Function(`${'new '.repeat(50_000)}A`),
  'new RegExp: (?:': () => new RegExp(text('(?:', ')', 50_000)),
  'new RegExp: (?=': () => new RegExp(text('(?=', ')', 50_000)),
};

export const ways = { ...calls, ...callbacks, ...promises, ...data };
export const kinds = {
  calls: Object.keys(calls),
  callbacks: Object.keys(callbacks),
  promises: Object.keys(promises),
  data: Object.keys(data),
};
