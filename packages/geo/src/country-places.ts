import type { Location } from './location.ts';

/**
 * One point per ISO 3166-1 country (and XK), where its people are rather than where
 * its land is: the middle of Canada or Russia is forest, and a request never
 * comes from there. Whole tenths of a degree, about 11 km, far finer than the
 * country precision it serves. `CC latitude longitude`, separated by `;`.
 */
const TABLE = `
AD 42.5 1.5;AE 24.8 54.9;AF 34.5 68.5;AG 17.1 -61.8;AI 18.2 -63.1;AL 41.2 19.9;AM 40.2 44.6;
AN 12.2 -69.0;AO -10.0 14.5;AQ -77.8 166.7;AR -33.5 -61.0;AS -14.3 -170.7;AT 47.9 15.0;AU -33.5 147.0;AW 12.5 -70.0;
AX 60.1 19.9;AZ 40.3 48.7;BA 44.1 18.0;BB 13.1 -59.6;BD 23.8 90.3;BE 50.9 4.5;BF 12.3 -1.6;
BG 42.6 24.5;BH 26.1 50.5;BI -3.3 29.8;BJ 7.3 2.3;BL 17.9 -62.8;BM 32.3 -64.8;BN 4.8 114.8;
BO -17.2 -65.9;BQ 12.2 -68.3;BR -19.5 -45.5;BS 25.0 -77.4;BT 27.4 89.9;BV -54.4 3.4;BW -23.3 26.3;
BY 53.8 27.8;BZ 17.5 -88.5;CA 45.6 -79.5;CC -12.1 96.8;CD -4.2 20.5;CF 4.8 18.4;CG -4.2 14.5;
CH 47.1 8.1;CI 6.4 -4.9;CK -21.2 -159.8;CL -33.9 -71.0;CM 4.6 11.2;CN 32.8 112.9;CO 5.3 -74.6;
CR 9.9 -84.1;CU 22.4 -80.6;CV 15.1 -23.6;CW 12.2 -69.0;CX -10.5 105.7;CY 35.0 33.2;CZ 49.8 15.5;
DE 51.0 9.9;DJ 11.6 43.1;DK 55.8 10.9;DM 15.4 -61.4;DO 18.7 -70.2;DZ 36.1 3.4;EC -1.5 -79.2;
EE 59.1 25.3;EG 30.2 31.2;EH 27.1 -13.2;ER 15.3 38.9;ES 40.0 -3.3;ET 9.0 38.8;FI 61.6 25.0;
FJ -17.9 178.2;FK -51.7 -57.9;FM 7.0 158.2;FO 62.0 -6.8;FR 47.2 2.6;GA 0.2 10.0;GB 52.6 -1.5;
GD 12.1 -61.7;GE 41.9 43.7;GF 4.9 -52.5;GG 49.5 -2.6;GH 6.3 -1.0;GI 36.1 -5.4;GL 64.8 -51.0;
GM 13.4 -16.5;GN 10.0 -12.0;GP 16.2 -61.5;GQ 2.5 9.6;GR 38.5 23.3;GS -54.3 -36.5;GT 14.8 -90.7;
GU 13.5 144.8;GW 11.9 -15.4;GY 6.7 -58.1;HK 22.3 114.2;HM -53.1 73.5;HN 14.5 -87.2;HR 45.4 16.0;
HT 18.7 -72.4;HU 47.3 19.3;ID -6.9 108.5;IE 53.3 -7.2;IL 32.0 34.9;IM 54.2 -4.5;IN 22.0 79.0;
IO -7.3 72.4;IQ 33.4 44.3;IR 34.5 51.0;IS 64.2 -21.7;IT 43.0 12.1;JE 49.2 -2.1;JM 18.1 -77.1;
JO 32.0 35.9;JP 35.6 137.4;KE -0.6 36.9;KG 41.9 74.0;KH 11.9 105.0;KI 1.4 173.0;KM -11.9 43.6;
KN 17.3 -62.7;KP 39.2 126.2;KR 36.8 127.5;KW 29.3 48.0;KY 19.3 -81.3;KZ 47.0 72.0;LA 17.9 102.8;
LB 33.9 35.6;LC 13.9 -61.0;LI 47.1 9.5;LK 7.1 80.3;LR 6.4 -10.2;LS -29.4 27.8;LT 55.2 23.9;
LU 49.7 6.1;LV 56.9 24.5;LY 32.2 15.5;MA 33.3 -6.8;MC 43.7 7.4;MD 47.1 28.7;ME 42.5 19.2;
MF 18.1 -63.1;MG -18.9 47.4;MH 7.1 171.3;MK 41.8 21.5;ML 12.9 -6.9;MM 19.5 96.0;MN 47.9 106.0;
MO 22.2 113.5;MP 15.2 145.7;MQ 14.6 -61.0;MR 18.1 -15.5;MS 16.7 -62.2;MT 35.9 14.5;MU -20.2 57.6;
MV 4.2 73.5;MW -14.2 34.4;MX 20.6 -100.6;MY 3.4 102.6;MZ -18.3 35.9;NA -20.3 16.9;NC -22.2 166.4;
NE 13.6 6.0;NF -29.0 168.0;NG 8.6 7.0;NI 12.3 -86.1;NL 52.1 5.3;NO 60.4 9.9;NP 27.7 84.9;
NR -0.5 166.9;NU -19.1 -169.9;NZ -39.2 174.9;OM 23.4 57.7;PA 8.9 -79.9;PE -10.7 -76.3;PF -17.6 -149.5;
PG -6.4 146.0;PH 13.5 122.0;PK 30.9 71.7;PL 51.8 19.4;PM 46.8 -56.2;PN -25.1 -130.1;PR 18.3 -66.3;
PS 31.8 35.0;PT 40.0 -8.5;PW 7.4 134.5;PY -25.4 -57.0;QA 25.3 51.4;RE -21.1 55.5;RO 45.6 25.5;
RS 44.3 20.8;RU 55.7 45.0;RW -1.9 30.1;SA 24.3 43.9;SB -9.3 160.0;SC -4.7 55.5;SD 14.8 32.1;
SE 59.0 15.8;SG 1.3 103.8;SH -15.9 -5.7;SI 46.1 14.8;SJ 78.2 15.6;SK 48.7 19.0;SL 8.2 -12.3;
SM 43.9 12.5;SN 14.5 -16.2;SO 3.5 45.0;SR 5.8 -55.2;SS 6.8 30.8;ST 0.3 6.7;SV 13.7 -89.1;
SX 18.0 -63.1;SY 34.9 37.0;SZ -26.4 31.4;TC 21.8 -72.2;TD 11.3 16.5;TF -49.3 70.2;TG 7.2 1.1;
TH 14.6 101.2;TJ 38.5 69.2;TK -9.2 -171.8;TL -8.7 125.8;TM 38.5 59.5;TN 36.0 10.0;TO -21.1 -175.2;
TR 39.3 32.9;TT 10.5 -61.3;TV -8.5 179.2;TW 24.2 120.8;TZ -5.6 35.7;UA 49.2 31.6;UG 0.7 32.5;
UM 19.3 166.6;US 37.5 -92.5;UY -34.4 -56.1;UZ 40.6 67.5;VA 41.9 12.5;VC 13.2 -61.2;VE 9.9 -67.4;
VG 18.4 -64.6;VI 18.0 -64.8;VN 15.5 106.7;VU -17.0 168.0;WF -13.3 -176.2;WS -13.8 -171.9;XK 42.6 20.9;
YE 14.6 44.6;YT -12.8 45.2;ZA -27.6 28.2;ZM -13.9 28.5;ZW -18.7 30.7`;

const PLACES: ReadonlyMap<string, Location> = new Map(
  TABLE.split(';').map((row) => {
    const [country = '', latitude, longitude] = row.trim().split(' ');
    return [country, { latitude: Number(latitude), longitude: Number(longitude) }];
  }),
);

/** Where the people of a country are, roughly; `country` is ISO 3166-1 alpha-2, upper case. */
export const countryPlace = (country: string): Location | undefined => PLACES.get(country);

export const COUNTRY_COUNT = PLACES.size;
