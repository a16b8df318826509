import { PopmeshError } from '@popmesh/contracts';

/**
 * Points on the globe and what their distance costs. The sphere is good enough:
 * the ellipsoid differs by 0.5 %, the route of a cable by 50 %.
 */

export interface Location {
  readonly latitude: number;
  readonly longitude: number;
}

const EARTH_RADIUS_KM = 6371;
const RADIANS = Math.PI / 180;

/** Great circle (haversine, which stays exact for near points). */
export function distanceKm(a: Location, b: Location): number {
  const sinLatitude = Math.sin(((b.latitude - a.latitude) * RADIANS) / 2);
  const sinLongitude = Math.sin(((b.longitude - a.longitude) * RADIANS) / 2);
  const chord =
    sinLatitude * sinLatitude +
    Math.cos(a.latitude * RADIANS) * Math.cos(b.latitude * RADIANS) * sinLongitude * sinLongitude;
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(chord)));
}

/** Light in fibre covers 200 km per ms, so 100 km of distance is 1 ms of round trip on a straight cable. */
const STRAIGHT_KM_PER_ROUND_TRIP_MS = 100;
/** Cables are about half as long again as the great circle. */
const DETOUR = 1.5;
/** Last mile and routers. */
const BASE_MS = 1;

export const estimateRoundTripMs = (km: number): number =>
  BASE_MS + (km * DETOUR) / STRAIGHT_KM_PER_ROUND_TRIP_MS;

const NUMBER = /^\s*[+-]?\d{1,3}(?:\.\d{1,12})?\s*$/;

/** Reads `latitude,longitude` in degrees. Throws `invalid_argument`. */
export function parseLocation(text: string): Location {
  const parts = text.split(',', 3);
  const [latitudeText = '', longitudeText = ''] = parts;
  if (parts.length === 2 && NUMBER.test(latitudeText) && NUMBER.test(longitudeText)) {
    const latitude = Number(latitudeText);
    const longitude = Number(longitudeText);
    if (Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180) return { latitude, longitude };
  }
  throw new PopmeshError(
    'invalid_argument',
    `${JSON.stringify(text.slice(0, 60))} is not a location`,
    { hint: 'Write latitude,longitude in degrees, for example 35.68,139.69.' },
  );
}
