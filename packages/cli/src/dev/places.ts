/** The local mesh stands in for the world: three places, far from each other. */

export interface Place {
  readonly id: string;
  readonly code: string;
  readonly name: string;
  readonly region: string;
  readonly latitude: number;
  readonly longitude: number;
}

export const PLACES: readonly Place[] = [
  { id: 'fra-1', code: 'fra', name: 'Frankfurt', region: 'eu', latitude: 50.11, longitude: 8.68 },
  { id: 'iad-1', code: 'iad', name: 'Ashburn', region: 'na', latitude: 39.04, longitude: -77.49 },
  {
    id: 'sin-1',
    code: 'sin',
    name: 'Singapore',
    region: 'apac',
    latitude: 1.35,
    longitude: 103.82,
  },
];

export const GATEWAY_ID = 'gw-1';

/** Clients to stand in for, by `popmesh-client-location`. */
export const CITIES = [
  { name: 'Berlin', location: '52.52,13.40' },
  { name: 'New York', location: '40.71,-74.01' },
  { name: 'Tokyo', location: '35.68,139.69' },
] as const;
