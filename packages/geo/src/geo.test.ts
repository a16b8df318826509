import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { COUNTRY_COUNT, countryPlace } from './country-places.ts';
import { GeoIp } from './geoip.ts';
import { distanceKm, estimateRoundTripMs, type Location, parseLocation } from './location.ts';
import { type Placed, rank } from './rank.ts';

const TOKYO = { latitude: 35.68, longitude: 139.69 };
const PARIS = { latitude: 48.86, longitude: 2.35 };
const location = fc.record({
  latitude: fc.double({ min: -90, max: 90, noNaN: true }),
  longitude: fc.double({ min: -180, max: 180, noNaN: true }),
});

test('distances that everybody knows', () => {
  assert.ok(Math.abs(distanceKm(TOKYO, PARIS) - 9712) < 20);
  assert.equal(distanceKm(PARIS, PARIS), 0);
  const poles = distanceKm({ latitude: 90, longitude: 0 }, { latitude: -90, longitude: 77 });
  assert.ok(Math.abs(poles - 20015) < 1);
});

test('distance is a metric, up to rounding', () => {
  fc.assert(
    fc.property(location, location, location, (a, b, c) => {
      const ab = distanceKm(a, b);
      assert.ok(ab >= 0 && ab <= 20016);
      assert.ok(Math.abs(ab - distanceKm(b, a)) < 1e-6);
      assert.ok(ab <= distanceKm(a, c) + distanceKm(c, b) + 1e-3);
    }),
  );
});

test('round trips grow with distance and are plausible', () => {
  assert.ok(estimateRoundTripMs(0) > 0);
  const ms = estimateRoundTripMs(distanceKm(TOKYO, PARIS));
  assert.ok(ms > 100 && ms < 260, `${ms}`);
});

test('parseLocation takes degrees and nothing else', () => {
  assert.deepEqual(parseLocation('35.68,139.69'), TOKYO);
  assert.deepEqual(parseLocation(' -1 , +2 '), { latitude: -1, longitude: 2 });
  for (const bad of ['', '1', '1,2,3', '91,0', '0,181', 'a,b', '1e3,0', 'NaN,0', '1,', '0x1,2']) {
    assert.throws(() => parseLocation(bad), { code: 'invalid_argument' }, bad);
  }
});

const pop = fc.constantFrom('fra', 'nrt', 'iad', 'gru', 'syd');
const placed: fc.Arbitrary<Placed & { id: number }> = fc
  .tuple(pop, fc.constantFrom('', 'eu', 'ap'), location, fc.nat())
  .map(([code, region, at, id]) => ({ pop: code, region, ...at, id }));

test('rank keeps every member once, rings in order, distance within a ring', () => {
  fc.assert(
    fc.property(location, fc.array(placed, { maxLength: 12 }), (client, candidates) => {
      const ranked = rank(client, candidates);
      const members = ranked.flatMap((entry) => entry.members);
      assert.equal(members.length, candidates.length);
      assert.deepEqual(new Set(members), new Set(candidates));
      assert.equal(new Set(ranked.map((entry) => entry.pop)).size, ranked.length);
      assert.equal(ranked.filter((entry) => entry.ring === 0).length, ranked.length > 0 ? 1 : 0);
      const nearest = Math.min(...ranked.map((entry) => entry.distanceKm));
      if (ranked[0] !== undefined) assert.equal(ranked[0].distanceKm, nearest);
      for (const [i, entry] of ranked.entries()) {
        const previous = ranked[i - 1];
        if (previous === undefined) continue;
        assert.ok(previous.ring <= entry.ring);
        if (previous.ring === entry.ring) assert.ok(previous.distanceKm <= entry.distanceKm);
      }
    }),
  );
});

test('rank does not depend on the order of its input', () => {
  fc.assert(
    fc.property(location, fc.array(placed, { maxLength: 8 }), (client, candidates) => {
      const order = (list: readonly Placed[]) => rank(client, list).map((entry) => entry.pop);
      assert.deepEqual(order([...candidates].reverse()), order(candidates));
    }),
  );
});

test('a client in Tokyo: nearest, then the region, then the world by distance', () => {
  const at = (code: string, region: string, latitude: number, longitude: number): Placed => ({
    pop: code,
    region,
    latitude,
    longitude,
  });
  const ranked = rank(TOKYO, [
    at('fra', 'eu', 50.1, 8.7),
    at('sea', 'us', 47.6, -122.3),
    at('sin', 'ap', 1.35, 103.8),
    at('nrt', 'ap', 35.8, 140.4),
    at('syd', 'ap', -33.9, 151.2),
  ]);
  assert.deepEqual(
    ranked.map((entry) => `${entry.pop}${entry.ring}`),
    ['nrt0', 'sin1', 'syd1', 'sea2', 'fra2'],
  );
});

test('PoPs without a region are regional when near', () => {
  const at = (code: string, latitude: number, longitude: number): Placed => ({
    pop: code,
    region: '',
    latitude,
    longitude,
  });
  const ranked = rank(PARIS, [at('nrt', 35.8, 140.4), at('fra', 50.1, 8.7), at('par', 48.9, 2.3)]);
  assert.deepEqual(
    ranked.map((entry) => entry.ring),
    [0, 1, 2],
  );
});

test('the bundled database: knows public addresses, never throws', () => {
  const geo = GeoIp.open();
  assert.equal(geo.locate('8.8.8.8')?.country, 'US');
  assert.equal(geo.locate('2001:4860:4860::8888')?.country, 'US');
  assert.equal(geo.locate('::ffff:8.8.8.8')?.country, 'US');
  const tokyo = geo.locate('133.242.0.1');
  assert.equal(tokyo?.country, 'JP');
  assert.ok(distanceKm(tokyo as Location, TOKYO) < 500);
  for (const odd of [
    '127.0.0.1',
    '10.0.0.1',
    '::1',
    'fe80::1',
    '',
    'x',
    '1.2.3.4.5',
    '999.1.1.1',
  ]) {
    assert.equal(geo.locate(odd), undefined, odd);
  }
});

test('a missing database is a config error', () => {
  assert.throws(() => GeoIp.open('/nowhere.mmdb'), { code: 'invalid_config' });
});

test('every country has a place on the globe', () => {
  assert.equal(COUNTRY_COUNT, 251);
  for (const country of ['US', 'JP', 'DE', 'ZW', 'XK']) assert.ok(countryPlace(country), country);
  const brazil = countryPlace('BR') as Location;
  assert.ok(brazil.latitude < 0 && brazil.longitude < 0);
  assert.equal(countryPlace('ZZ'), undefined);
});
