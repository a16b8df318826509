export { countryPlace } from './country-places.ts';
export { GeoIp, type GeoIpPlace } from './geoip.ts';
export { distanceKm, estimateRoundTripMs, type Location, parseLocation } from './location.ts';
export { type Placed, type RankedPop, type RankOptions, type Ring, rank } from './rank.ts';
