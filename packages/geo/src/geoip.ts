import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isIP } from 'node:net';
import { dirname, join } from 'node:path';
import { PopmeshError } from '@popmesh/contracts';
import { Reader } from 'maxmind';
import { countryPlace } from './country-places.ts';
import type { Location } from './location.ts';

/**
 * IP address to country to a point on the map. Country precision is what the
 * bundled public-domain data gives; a city database needs an account with
 * somebody, so it can only ever be the operator's own file (`path`).
 */

export interface GeoIpPlace extends Location {
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
}

const PACKAGE = '@ip-location-db/geo-whois-asn-country-mmdb';
const FILE = 'geo-whois-asn-country.mmdb';
/** Answers kept, so that a client on a kept-alive connection is looked up once. */
export const GEOIP_CACHE_ENTRIES_MAX = 10_000;

/** What the bundled file holds, and what MaxMind-shaped country and city files hold. */
interface CountryRow {
  readonly country_code?: string;
  readonly country?: { readonly iso_code?: string };
  readonly location?: { readonly latitude?: number; readonly longitude?: number };
}

/** The package has no `exports` and no main, so its folder is found by its package.json. */
const bundledPath = (): string =>
  join(dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`)), FILE);

export class GeoIp {
  readonly #reader: Reader<never>;
  readonly #cache = new Map<string, GeoIpPlace | undefined>();

  private constructor(reader: Reader<never>) {
    this.#reader = reader;
  }

  /** Reads the whole file (7.8 MB, about 10 ms) so that look-ups never touch the disk. */
  static open(path: string = bundledPath()): GeoIp {
    try {
      return new GeoIp(new Reader(readFileSync(path)));
    } catch (cause) {
      throw new PopmeshError('invalid_config', `cannot read the GeoIP database ${path}`, {
        hint: 'Give the path of an .mmdb file, or leave it out for the bundled one.',
        cause,
      });
    }
  }

  /** Undefined for private, reserved, unknown and malformed addresses. Never throws. */
  locate(ip: string): GeoIpPlace | undefined {
    if (this.#cache.has(ip)) return this.#cache.get(ip);
    const place = this.#look(ip);
    if (this.#cache.size >= GEOIP_CACHE_ENTRIES_MAX) this.#cache.clear();
    this.#cache.set(ip, place);
    return place;
  }

  #look(ip: string): GeoIpPlace | undefined {
    // The reader makes an address of anything; `1.2.3.4.5` is none.
    if (isIP(ip) === 0) return undefined;
    let row: CountryRow | null;
    try {
      row = this.#reader.get(ip.replace(/^::ffff:(?=\d+\.)/i, '')) as CountryRow | null;
    } catch {
      return undefined;
    }
    const country = row?.country_code ?? row?.country?.iso_code;
    if (country === undefined) return undefined;
    const { latitude, longitude } = row?.location ?? {};
    if (latitude !== undefined && longitude !== undefined) return { latitude, longitude, country };
    const place = countryPlace(country);
    return place === undefined ? undefined : { ...place, country };
  }
}
