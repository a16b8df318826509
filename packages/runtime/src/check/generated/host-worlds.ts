/** Written by `node packages/runtime/src/testing/write-host-worlds.ts`. Do not edit. */
import type { DoorName } from '../../worker/door.ts';
import type { HostWorld, Signatures } from '../signatures.ts';

export const HOST_WORLDS: Readonly<Record<DoorName, HostWorld>> = {
  "popmesh:function": {
    "instances": {
      "popmesh:function/types": 0,
      "popmesh:function/host": 1
    },
    "types": {
      "log-level": 0,
      "body": 0,
      "request": 0,
      "response": 0,
      "outcome": 0,
      "crypto-outcome": 0
    },
    "typeCount": 8,
    "handlers": [
      {
        "name": "handle",
        "type": 6
      },
      {
        "name": "settle",
        "type": 7
      }
    ],
    "prelude": "AGFzbQ0AAQAHgQIBQg0BbQQFZGVidWcEaW5mbwR3YXJuBWVycm9yBAAJbG9nLWxldmVsAwAAAXB9AXEEBG5vbmUAAAR0ZXh0AXMABWJ5dGVzAQIABHBpcGUBeQAEAARib2R5AwADAXIEBm1ldGhvZHMDdXJscwdoZWFkZXJzcwRib2R5BAQAB3JlcXVlc3QDAAUBcgMGc3RhdHVzewdoZWFkZXJzcwRib2R5BAQACHJlc3BvbnNlAwAHAXECAm9rAQgABmZhaWxlZAFzAAQAB291dGNvbWUDAAkBcQMFYnl0ZXMBAgAEanNvbgFzAAZmYWlsZWQBcwAEAA5jcnlwdG8tb3V0Y29tZQMACwohAQAccG9wbWVzaDpmdW5jdGlvbi90eXBlc0AwLjIuMAUABjYEAwAACWxvZy1sZXZlbAMAAAdyZXF1ZXN0AwAAB291dGNvbWUDAAAOY3J5cHRvLW91dGNvbWUHxAcBQkUCAwIBAQQACWxvZy1sZXZlbAMAAAIDAgECBAAHcmVxdWVzdAMAAgIDAgEDBAAHb3V0Y29tZQMABAIDAgEEBAAOY3J5cHRvLW91dGNvbWUDAAYBQAAAcwQABmNvbmZpZwEIAUAAAHUEAANub3cBCQQACW1vbm90b25pYwEJAXB9AUABBmxlbmd0aHkACgQABnJhbmRvbQELAUACBWxldmVsAQdtZXNzYWdlcwEABAADbG9nAQwBQAIHbWVzc2FnZXMFc3RhY2tzAQAEAAZyZXBvcnQBDQFABAJpZHkGc3RhdHVzeQdoZWFkZXJzcwR0ZXh0cwEABAAHcmVzcG9uZAEOAUAEAmlkeQZzdGF0dXN5B2hlYWRlcnNzBWJ5dGVzCgEABAANcmVzcG9uZC1ieXRlcwEPAUAEAmlkeQZzdGF0dXN5B2hlYWRlcnNzBHBpcGV5AQAEAAxyZXNwb25kLXBpcGUBEAFAAQJpZHkAcwQACWJvZHktdGV4dAERAUABAmlkeQAKBAAKYm9keS1ieXRlcwESAUACBHdhaXR5Am1zeQB5BAAFdGltZXIBEwFAAQR3YWl0eQEABAAMdGltZXItY2FuY2VsARQBQAIEd2FpdHkHcmVxdWVzdAMBAAQABWZldGNoARUBQAEEd2FpdHkABQQACmZldGNoLXRha2UBFgQAC2ZldGNoLWFib3J0ARQBQAAAeQQACXBpcGUtb3BlbgEXAUADBHdhaXR5BHBpcGV5BWJ5dGVzCgB5BAAKcGlwZS13cml0ZQEYAUACBHBpcGV5BWVycm9ycwEABAAKcGlwZS1jbG9zZQEZAUACBHdhaXR5BHBpcGV5AHkEAApwaXBlLXJlYWR5ARoBQAEEcGlwZXkACgQACXBpcGUtdGFrZQEbAUABBHBpcGV5AQAEAAtwaXBlLWNhbmNlbAEcAUACBHdhaXR5AmlkeQEABAAEZ29uZQEdAUABAmlkeQEABAAGcmV0YWluAR4EAAdyZWxlYXNlAR4BQAIDdXJscwRiYXNlcwBzBAAJdXJsLXBhcnNlAR8BQAMEaHJlZnMEcGFydHMFdmFsdWVzAHMEAAd1cmwtc2V0ASABQAEEdGV4dHMACgQAC3V0ZjgtZW5jb2RlASEBQAEFYnl0ZXMKAHMEAAt1dGY4LWRlY29kZQEiAUACBmZvcm1hdHMFaW5wdXR5AHkEAAhjb21wcmVzcwEjAXAKAUADCW9wZXJhdGlvbnMKcGFyYW1ldGVyc3MEZGF0YSQABwQABmNyeXB0bwElCiABABtwb3BtZXNoOmZ1bmN0aW9uL2hvc3RAMC4yLjAFBQcwAUMFAmlkeQRoZWFkcw1tZXRob2QtbGVuZ3RoeQp1cmwtbGVuZ3RoeQRib2R5eQEACgsBAAZoYW5kbGUBBgcSAUMCBHdhaXR5BXZhbHVleQEACgsBAAZzZXR0bGUBBw=="
  },
  "wasi:http": {
    "instances": {
      "wasi:io/error": 0,
      "wasi:io/poll": 1,
      "wasi:io/streams": 2,
      "wasi:clocks/monotonic-clock": 3,
      "wasi:clocks/wall-clock": 4,
      "wasi:random/random": 5,
      "wasi:random/insecure": 6,
      "wasi:random/insecure-seed": 7,
      "wasi:cli/environment": 8,
      "wasi:cli/exit": 9,
      "wasi:cli/stdin": 10,
      "wasi:cli/stdout": 11,
      "wasi:cli/stderr": 12,
      "wasi:cli/terminal-input": 13,
      "wasi:cli/terminal-output": 14,
      "wasi:cli/terminal-stdin": 15,
      "wasi:cli/terminal-stdout": 16,
      "wasi:cli/terminal-stderr": 17,
      "wasi:http/types": 18,
      "wasi:http/outgoing-handler": 19,
      "wasi:filesystem/types": 20,
      "wasi:filesystem/preopens": 21,
      "wasi:sockets/network": 22,
      "wasi:sockets/instance-network": 23,
      "wasi:sockets/ip-name-lookup": 24,
      "wasi:sockets/tcp": 25,
      "wasi:sockets/tcp-create-socket": 26,
      "wasi:sockets/udp": 27,
      "wasi:sockets/udp-create-socket": 28,
      "wasi:http/incoming-handler": 29
    },
    "types": {
      "error": 0,
      "pollable": 1,
      "input-stream": 2,
      "stream-error": 2,
      "output-stream": 2,
      "instant": 3,
      "duration": 3,
      "datetime": 4,
      "terminal-input": 13,
      "terminal-output": 14,
      "io-error": 18,
      "DNS-error-payload": 18,
      "TLS-alert-received-payload": 18,
      "field-size-payload": 18,
      "error-code": 18,
      "fields": 18,
      "field-key": 18,
      "field-name": 18,
      "field-value": 18,
      "header-error": 18,
      "incoming-request": 18,
      "method": 18,
      "scheme": 18,
      "headers": 18,
      "incoming-body": 18,
      "outgoing-request": 18,
      "outgoing-body": 18,
      "request-options": 18,
      "response-outparam": 18,
      "outgoing-response": 18,
      "incoming-response": 18,
      "status-code": 18,
      "future-trailers": 18,
      "trailers": 18,
      "future-incoming-response": 18,
      "descriptor": 20,
      "filesize": 20,
      "advice": 20,
      "descriptor-flags": 20,
      "descriptor-type": 20,
      "new-timestamp": 20,
      "directory-entry-stream": 20,
      "link-count": 20,
      "descriptor-stat": 20,
      "path-flags": 20,
      "open-flags": 20,
      "metadata-hash-value": 20,
      "directory-entry": 20,
      "network": 22,
      "ipv4-address": 22,
      "ipv6-address": 22,
      "ip-address": 22,
      "ipv4-socket-address": 22,
      "ipv6-socket-address": 22,
      "ip-socket-address": 22,
      "ip-address-family": 22,
      "resolve-address-stream": 24,
      "tcp-socket": 25,
      "shutdown-type": 25,
      "udp-socket": 27,
      "incoming-datagram-stream": 27,
      "outgoing-datagram-stream": 27,
      "incoming-datagram": 27,
      "outgoing-datagram": 27
    },
    "typeCount": 79,
    "handlers": [
      {
        "name": "wasi:http/incoming-handler@0.2.12",
        "type": 78
      }
    ],
    "prelude": "AGFzbQ0AAQAHPQFCBAQABWVycm9yAwEBaAABQAEEc2VsZgEAcwQAHVttZXRob2RdZXJyb3IudG8tZGVidWctc3RyaW5nAQIKGQEAFHdhc2k6aW8vZXJyb3JAMC4yLjEyBQAHdwFCCgQACHBvbGxhYmxlAwEBaAABQAEEc2VsZgEAfwQAFlttZXRob2RdcG9sbGFibGUucmVhZHkBAgFAAQRzZWxmAQEABAAWW21ldGhvZF1wb2xsYWJsZS5ibG9jawEDAXABAXB5AUABAmluBAAFBAAEcG9sbAEGChgBABN3YXNpOmlvL3BvbGxAMC4yLjEyBQEGFgIDAAAFZXJyb3IDAAEIcG9sbGFibGUH5QYBQigEAAxpbnB1dC1zdHJlYW0DAQIDAgECBAAFZXJyb3IDAAEBaQIBcQIVbGFzdC1vcGVyYXRpb24tZmFpbGVkAQMABmNsb3NlZAAABAAMc3RyZWFtLWVycm9yAwAEAgMCAQMEAAhwb2xsYWJsZQMABgQADW91dHB1dC1zdHJlYW0DAQFoAAFwfQFqAQoBBQFAAgRzZWxmCQNsZW53AAsEABlbbWV0aG9kXWlucHV0LXN0cmVhbS5yZWFkAQwEACJbbWV0aG9kXWlucHV0LXN0cmVhbS5ibG9ja2luZy1yZWFkAQwBagF3AQUBQAIEc2VsZgkDbGVudwANBAAZW21ldGhvZF1pbnB1dC1zdHJlYW0uc2tpcAEOBAAiW21ldGhvZF1pbnB1dC1zdHJlYW0uYmxvY2tpbmctc2tpcAEOAWkHAUABBHNlbGYJAA8EAB5bbWV0aG9kXWlucHV0LXN0cmVhbS5zdWJzY3JpYmUBEAFoCAFAAQRzZWxmEQANBAAhW21ldGhvZF1vdXRwdXQtc3RyZWFtLmNoZWNrLXdyaXRlARIBagABBQFAAgRzZWxmEQhjb250ZW50cwoAEwQAG1ttZXRob2Rdb3V0cHV0LXN0cmVhbS53cml0ZQEUBAAuW21ldGhvZF1vdXRwdXQtc3RyZWFtLmJsb2NraW5nLXdyaXRlLWFuZC1mbHVzaAEUAUABBHNlbGYRABMEABtbbWV0aG9kXW91dHB1dC1zdHJlYW0uZmx1c2gBFQQAJFttZXRob2Rdb3V0cHV0LXN0cmVhbS5ibG9ja2luZy1mbHVzaAEVAUABBHNlbGYRAA8EAB9bbWV0aG9kXW91dHB1dC1zdHJlYW0uc3Vic2NyaWJlARYBQAIEc2VsZhEDbGVudwATBAAiW21ldGhvZF1vdXRwdXQtc3RyZWFtLndyaXRlLXplcm9lcwEXBAA1W21ldGhvZF1vdXRwdXQtc3RyZWFtLmJsb2NraW5nLXdyaXRlLXplcm9lcy1hbmQtZmx1c2gBFwFAAwRzZWxmEQNzcmMJA2xlbncADQQAHFttZXRob2Rdb3V0cHV0LXN0cmVhbS5zcGxpY2UBGAQAJVttZXRob2Rdb3V0cHV0LXN0cmVhbS5ibG9ja2luZy1zcGxpY2UBGAobAQAWd2FzaTppby9zdHJlYW1zQDAuMi4xMgUEBg0BAwABCHBvbGxhYmxlB5wBAUIPAXcEAAdpbnN0YW50AwAAAXcEAAhkdXJhdGlvbgMAAgIDAgEFBAAIcG9sbGFibGUDAAQBQAAAAQQAA25vdwEGAUAAAAMEAApyZXNvbHV0aW9uAQcBaQUBQAEEd2hlbgEACAQAEXN1YnNjcmliZS1pbnN0YW50AQkBQAEEd2hlbgMACAQAEnN1YnNjcmliZS1kdXJhdGlvbgEKCicBACJ3YXNpOmNsb2Nrcy9tb25vdG9uaWMtY2xvY2tAMC4yLjEyBQYHRgFCBQFyAgdzZWNvbmRzdwtuYW5vc2Vjb25kc3kEAAhkYXRldGltZQMAAAFAAAABBAADbm93AQIEAApyZXNvbHV0aW9uAQIKIgEAHXdhc2k6Y2xvY2tzL3dhbGwtY2xvY2tAMC4yLjEyBQcHPQFCBQFwfQFAAQNsZW53AAAEABBnZXQtcmFuZG9tLWJ5dGVzAQEBQAAAdwQADmdldC1yYW5kb20tdTY0AQIKHgEAGXdhc2k6cmFuZG9tL3JhbmRvbUAwLjIuMTIFCAdPAUIFAXB9AUABA2xlbncAAAQAGWdldC1pbnNlY3VyZS1yYW5kb20tYnl0ZXMBAQFAAAB3BAAXZ2V0LWluc2VjdXJlLXJhbmRvbS11NjQBAgogAQAbd2FzaTpyYW5kb20vaW5zZWN1cmVAMC4yLjEyBQkHHwFCAwFvAnd3AUAAAAAEAA1pbnNlY3VyZS1zZWVkAQEKJQEAIHdhc2k6cmFuZG9tL2luc2VjdXJlLXNlZWRAMC4yLjEyBQoHVgFCCgFvAnNzAXAAAUAAAAEEAA9nZXQtZW52aXJvbm1lbnQBAgFwcwFAAAADBAANZ2V0LWFyZ3VtZW50cwEEAWtzAUAAAAUEAAtpbml0aWFsLWN3ZAEGCiABABt3YXNpOmNsaS9lbnZpcm9ubWVudEAwLjIuMTIFCwdCAUIFAWoAAAFAAQZzdGF0dXMAAQAEAARleGl0AQEBQAELc3RhdHVzLWNvZGV9AQAEAA5leGl0LXdpdGgtY29kZQECChkBABR3YXNpOmNsaS9leGl0QDAuMi4xMgUMBhEBAwACDGlucHV0LXN0cmVhbQcwAUIFAgMCAQ0EAAxpbnB1dC1zdHJlYW0DAAABaQEBQAAAAgQACWdldC1zdGRpbgEDChoBABV3YXNpOmNsaS9zdGRpbkAwLjIuMTIFDgYSAQMAAg1vdXRwdXQtc3RyZWFtBzIBQgUCAwIBDwQADW91dHB1dC1zdHJlYW0DAAABaQEBQAAAAgQACmdldC1zdGRvdXQBAwobAQAWd2FzaTpjbGkvc3Rkb3V0QDAuMi4xMgUQBhIBAwACDW91dHB1dC1zdHJlYW0HMgFCBQIDAgERBAANb3V0cHV0LXN0cmVhbQMAAAFpAQFAAAACBAAKZ2V0LXN0ZGVycgEDChsBABZ3YXNpOmNsaS9zdGRlcnJAMC4yLjEyBRIHFgFCAQQADnRlcm1pbmFsLWlucHV0AwEKIwEAHndhc2k6Y2xpL3Rlcm1pbmFsLWlucHV0QDAuMi4xMgUTBxcBQgEEAA90ZXJtaW5hbC1vdXRwdXQDAQokAQAfd2FzaTpjbGkvdGVybWluYWwtb3V0cHV0QDAuMi4xMgUUBhMBAwANDnRlcm1pbmFsLWlucHV0Bz4BQgYCAwIBFQQADnRlcm1pbmFsLWlucHV0AwAAAWkBAWsCAUAAAAMEABJnZXQtdGVybWluYWwtc3RkaW4BBAojAQAed2FzaTpjbGkvdGVybWluYWwtc3RkaW5AMC4yLjEyBRYGFAEDAA4PdGVybWluYWwtb3V0cHV0B0ABQgYCAwIBFwQAD3Rlcm1pbmFsLW91dHB1dAMAAAFpAQFrAgFAAAADBAATZ2V0LXRlcm1pbmFsLXN0ZG91dAEECiQBAB93YXNpOmNsaS90ZXJtaW5hbC1zdGRvdXRAMC4yLjEyBRgGFAEDAA4PdGVybWluYWwtb3V0cHV0B0ABQgYCAwIBGQQAD3Rlcm1pbmFsLW91dHB1dAMAAAFpAQFrAgFAAAADBAATZ2V0LXRlcm1pbmFsLXN0ZGVycgEECiQBAB93YXNpOmNsaS90ZXJtaW5hbC1zdGRlcnJAMC4yLjEyBRoGQwUDAAAFZXJyb3IDAAMIZHVyYXRpb24DAAIMaW5wdXQtc3RyZWFtAwABCHBvbGxhYmxlAwACDW91dHB1dC1zdHJlYW0H6CMBQsEBAgMCARsEAAhpby1lcnJvcgMAAAFrcwFrewFyAgVyY29kZQIJaW5mby1jb2RlAwQAEUROUy1lcnJvci1wYXlsb2FkAwAEAWt9AXICCGFsZXJ0LWlkBg1hbGVydC1tZXNzYWdlAgQAGlRMUy1hbGVydC1yZWNlaXZlZC1wYXlsb2FkAwAHAWt5AXICCmZpZWxkLW5hbWUCCmZpZWxkLXNpemUJBAASZmllbGQtc2l6ZS1wYXlsb2FkAwAKAWt3AWsLAXEnC0ROUy10aW1lb3V0AAAJRE5TLWVycm9yAQUAFWRlc3RpbmF0aW9uLW5vdC1mb3VuZAAAF2Rlc3RpbmF0aW9uLXVuYXZhaWxhYmxlAAAZZGVzdGluYXRpb24tSVAtcHJvaGliaXRlZAAAGWRlc3RpbmF0aW9uLUlQLXVucm91dGFibGUAABJjb25uZWN0aW9uLXJlZnVzZWQAABVjb25uZWN0aW9uLXRlcm1pbmF0ZWQAABJjb25uZWN0aW9uLXRpbWVvdXQAABdjb25uZWN0aW9uLXJlYWQtdGltZW91dAAAGGNvbm5lY3Rpb24td3JpdGUtdGltZW91dAAAGGNvbm5lY3Rpb24tbGltaXQtcmVhY2hlZAAAElRMUy1wcm90b2NvbC1lcnJvcgAAFVRMUy1jZXJ0aWZpY2F0ZS1lcnJvcgAAElRMUy1hbGVydC1yZWNlaXZlZAEIABNIVFRQLXJlcXVlc3QtZGVuaWVkAAAcSFRUUC1yZXF1ZXN0LWxlbmd0aC1yZXF1aXJlZAAAFkhUVFAtcmVxdWVzdC1ib2R5LXNpemUBDAAbSFRUUC1yZXF1ZXN0LW1ldGhvZC1pbnZhbGlkAAAYSFRUUC1yZXF1ZXN0LVVSSS1pbnZhbGlkAAAZSFRUUC1yZXF1ZXN0LVVSSS10b28tbG9uZwAAIEhUVFAtcmVxdWVzdC1oZWFkZXItc2VjdGlvbi1zaXplAQkAGEhUVFAtcmVxdWVzdC1oZWFkZXItc2l6ZQENACFIVFRQLXJlcXVlc3QtdHJhaWxlci1zZWN0aW9uLXNpemUBCQAZSFRUUC1yZXF1ZXN0LXRyYWlsZXItc2l6ZQELABhIVFRQLXJlc3BvbnNlLWluY29tcGxldGUAACFIVFRQLXJlc3BvbnNlLWhlYWRlci1zZWN0aW9uLXNpemUBCQAZSFRUUC1yZXNwb25zZS1oZWFkZXItc2l6ZQELABdIVFRQLXJlc3BvbnNlLWJvZHktc2l6ZQEMACJIVFRQLXJlc3BvbnNlLXRyYWlsZXItc2VjdGlvbi1zaXplAQkAGkhUVFAtcmVzcG9uc2UtdHJhaWxlci1zaXplAQsAHUhUVFAtcmVzcG9uc2UtdHJhbnNmZXItY29kaW5nAQIAHEhUVFAtcmVzcG9uc2UtY29udGVudC1jb2RpbmcBAgAVSFRUUC1yZXNwb25zZS10aW1lb3V0AAATSFRUUC11cGdyYWRlLWZhaWxlZAAAE0hUVFAtcHJvdG9jb2wtZXJyb3IAAA1sb29wLWRldGVjdGVkAAATY29uZmlndXJhdGlvbi1lcnJvcgAADmludGVybmFsLWVycm9yAQIABAAKZXJyb3ItY29kZQMADgQABmZpZWxkcwMBAXMEAAlmaWVsZC1rZXkDABEEAApmaWVsZC1uYW1lAwASAXB9BAALZmllbGQtdmFsdWUDABQBcQMOaW52YWxpZC1zeW50YXgAAAlmb3JiaWRkZW4AAAlpbW11dGFibGUAAAQADGhlYWRlci1lcnJvcgMAFgQAEGluY29taW5nLXJlcXVlc3QDAQFxCgNnZXQAAARoZWFkAAAEcG9zdAAAA3B1dAAABmRlbGV0ZQAAB2Nvbm5lY3QAAAdvcHRpb25zAAAFdHJhY2UAAAVwYXRjaAAABW90aGVyAXMABAAGbWV0aG9kAwAZAXEDBEhUVFAAAAVIVFRQUwAABW90aGVyAXMABAAGc2NoZW1lAwAbBAAHaGVhZGVycwMAEAQADWluY29taW5nLWJvZHkDAQQAEG91dGdvaW5nLXJlcXVlc3QDAQQADW91dGdvaW5nLWJvZHkDAQQAD3JlcXVlc3Qtb3B0aW9ucwMBAgMCARwEAAhkdXJhdGlvbgMAIgQAEXJlc3BvbnNlLW91dHBhcmFtAwEEABFvdXRnb2luZy1yZXNwb25zZQMBBAARaW5jb21pbmctcmVzcG9uc2UDAQF7BAALc3RhdHVzLWNvZGUDACcCAwIBHQQADGlucHV0LXN0cmVhbQMAKQQAD2Z1dHVyZS10cmFpbGVycwMBAgMCAR4EAAhwb2xsYWJsZQMALAQACHRyYWlsZXJzAwAQAgMCAR8EAA1vdXRwdXQtc3RyZWFtAwAvBAAYZnV0dXJlLWluY29taW5nLXJlc3BvbnNlAwEBaRABQAAAMgQAE1tjb25zdHJ1Y3Rvcl1maWVsZHMBMwFvAhMVAXA0AWoBMgEXAUABB2VudHJpZXM1ADYEABhbc3RhdGljXWZpZWxkcy5mcm9tLWxpc3QBNwFoEAFwFQFAAgRzZWxmOARuYW1lEwA5BAASW21ldGhvZF1maWVsZHMuZ2V0AToBQAIEc2VsZjgEbmFtZRMAfwQAElttZXRob2RdZmllbGRzLmhhcwE7AWoAARcBQAMEc2VsZjgEbmFtZRMFdmFsdWU5ADwEABJbbWV0aG9kXWZpZWxkcy5zZXQBPQFAAgRzZWxmOARuYW1lEwA8BAAVW21ldGhvZF1maWVsZHMuZGVsZXRlAT4BQAMEc2VsZjgEbmFtZRMFdmFsdWUVADwEABVbbWV0aG9kXWZpZWxkcy5hcHBlbmQBPwFAAQRzZWxmOAA1BAAWW21ldGhvZF1maWVsZHMuZW50cmllcwFAAUABBHNlbGY4ADIEABRbbWV0aG9kXWZpZWxkcy5jbG9uZQFBAWgYAUABBHNlbGbCAAAaBAAfW21ldGhvZF1pbmNvbWluZy1yZXF1ZXN0Lm1ldGhvZAFDAUABBHNlbGbCAAACBAAoW21ldGhvZF1pbmNvbWluZy1yZXF1ZXN0LnBhdGgtd2l0aC1xdWVyeQFEAWscAUABBHNlbGbCAADFAAQAH1ttZXRob2RdaW5jb21pbmctcmVxdWVzdC5zY2hlbWUBRgQAIlttZXRob2RdaW5jb21pbmctcmVxdWVzdC5hdXRob3JpdHkBRAFpHQFAAQRzZWxmwgAAxwAEACBbbWV0aG9kXWluY29taW5nLXJlcXVlc3QuaGVhZGVycwFIAWkeAWoByQAAAUABBHNlbGbCAADKAAQAIFttZXRob2RdaW5jb21pbmctcmVxdWVzdC5jb25zdW1lAUsBaR8BQAEHaGVhZGVyc8cAAMwABAAdW2NvbnN0cnVjdG9yXW91dGdvaW5nLXJlcXVlc3QBTQFoHwFpIAFqAc8AAAFAAQRzZWxmzgAA0AAEAB1bbWV0aG9kXW91dGdvaW5nLXJlcXVlc3QuYm9keQFRAUABBHNlbGbOAAAaBAAfW21ldGhvZF1vdXRnb2luZy1yZXF1ZXN0Lm1ldGhvZAFSAWoAAAFAAgRzZWxmzgAGbWV0aG9kGgDTAAQAI1ttZXRob2Rdb3V0Z29pbmctcmVxdWVzdC5zZXQtbWV0aG9kAVQBQAEEc2VsZs4AAAIEAChbbWV0aG9kXW91dGdvaW5nLXJlcXVlc3QucGF0aC13aXRoLXF1ZXJ5AVUBQAIEc2VsZs4AD3BhdGgtd2l0aC1xdWVyeQIA0wAEACxbbWV0aG9kXW91dGdvaW5nLXJlcXVlc3Quc2V0LXBhdGgtd2l0aC1xdWVyeQFWAUABBHNlbGbOAADFAAQAH1ttZXRob2Rdb3V0Z29pbmctcmVxdWVzdC5zY2hlbWUBVwFAAgRzZWxmzgAGc2NoZW1lxQAA0wAEACNbbWV0aG9kXW91dGdvaW5nLXJlcXVlc3Quc2V0LXNjaGVtZQFYBAAiW21ldGhvZF1vdXRnb2luZy1yZXF1ZXN0LmF1dGhvcml0eQFVAUACBHNlbGbOAAlhdXRob3JpdHkCANMABAAmW21ldGhvZF1vdXRnb2luZy1yZXF1ZXN0LnNldC1hdXRob3JpdHkBWQFAAQRzZWxmzgAAxwAEACBbbWV0aG9kXW91dGdvaW5nLXJlcXVlc3QuaGVhZGVycwFaAWkhAUAAANsABAAcW2NvbnN0cnVjdG9yXXJlcXVlc3Qtb3B0aW9ucwFcAWghAWsjAUABBHNlbGbdAADeAAQAJ1ttZXRob2RdcmVxdWVzdC1vcHRpb25zLmNvbm5lY3QtdGltZW91dAFfAUACBHNlbGbdAAhkdXJhdGlvbt4AANMABAArW21ldGhvZF1yZXF1ZXN0LW9wdGlvbnMuc2V0LWNvbm5lY3QtdGltZW91dAFgBAAqW21ldGhvZF1yZXF1ZXN0LW9wdGlvbnMuZmlyc3QtYnl0ZS10aW1lb3V0AV8EAC5bbWV0aG9kXXJlcXVlc3Qtb3B0aW9ucy5zZXQtZmlyc3QtYnl0ZS10aW1lb3V0AWAEAC1bbWV0aG9kXXJlcXVlc3Qtb3B0aW9ucy5iZXR3ZWVuLWJ5dGVzLXRpbWVvdXQBXwQAMVttZXRob2RdcmVxdWVzdC1vcHRpb25zLnNldC1iZXR3ZWVuLWJ5dGVzLXRpbWVvdXQBYAFpJAFpJQFqAeIAAQ8BQAIFcGFyYW3hAAhyZXNwb25zZeMAAQAEAB1bc3RhdGljXXJlc3BvbnNlLW91dHBhcmFtLnNldAFkAWgmAUABBHNlbGblAAAoBAAgW21ldGhvZF1pbmNvbWluZy1yZXNwb25zZS5zdGF0dXMBZgFAAQRzZWxm5QAAxwAEACFbbWV0aG9kXWluY29taW5nLXJlc3BvbnNlLmhlYWRlcnMBZwFAAQRzZWxm5QAAygAEACFbbWV0aG9kXWluY29taW5nLXJlc3BvbnNlLmNvbnN1bWUBaAFoHgFpKgFqAeoAAAFAAQRzZWxm6QAA6wAEABxbbWV0aG9kXWluY29taW5nLWJvZHkuc3RyZWFtAWwBaSsBQAEEdGhpc8kAAO0ABAAcW3N0YXRpY11pbmNvbWluZy1ib2R5LmZpbmlzaAFuAWgrAWktAUABBHNlbGbvAADwAAQAIVttZXRob2RdZnV0dXJlLXRyYWlsZXJzLnN1YnNjcmliZQFxAWkuAWvyAAFqAfMAAQ8BagH0AAABa/UAAUABBHNlbGbvAAD2AAQAG1ttZXRob2RdZnV0dXJlLXRyYWlsZXJzLmdldAF3AUABB2hlYWRlcnPHAADiAAQAHltjb25zdHJ1Y3Rvcl1vdXRnb2luZy1yZXNwb25zZQF4AWglAUABBHNlbGb5AAAoBAAlW21ldGhvZF1vdXRnb2luZy1yZXNwb25zZS5zdGF0dXMtY29kZQF6AUACBHNlbGb5AAtzdGF0dXMtY29kZSgA0wAEAClbbWV0aG9kXW91dGdvaW5nLXJlc3BvbnNlLnNldC1zdGF0dXMtY29kZQF7AUABBHNlbGb5AADHAAQAIVttZXRob2Rdb3V0Z29pbmctcmVzcG9uc2UuaGVhZGVycwF8AUABBHNlbGb5AADQAAQAHlttZXRob2Rdb3V0Z29pbmctcmVzcG9uc2UuYm9keQF9AWggAWkwAWoB/wAAAUABBHNlbGb+AACAAQQAG1ttZXRob2Rdb3V0Z29pbmctYm9keS53cml0ZQGBAQFqAAEPAUACBHRoaXPPAAh0cmFpbGVyc/MAAIIBBAAcW3N0YXRpY11vdXRnb2luZy1ib2R5LmZpbmlzaAGDAQFoMQFAAQRzZWxmhAEA8AAEACpbbWV0aG9kXWZ1dHVyZS1pbmNvbWluZy1yZXNwb25zZS5zdWJzY3JpYmUBhQEBaSYBagGGAQEPAWoBhwEAAWuIAQFAAQRzZWxmhAEAiQEEACRbbWV0aG9kXWZ1dHVyZS1pbmNvbWluZy1yZXNwb25zZS5nZXQBigEBaAEBaw8BQAEDZXJyiwEAjAEEAA9odHRwLWVycm9yLWNvZGUBjQEKGwEAFndhc2k6aHR0cC90eXBlc0AwLjIuMTIFIAZSBAMAEhBvdXRnb2luZy1yZXF1ZXN0AwASD3JlcXVlc3Qtb3B0aW9ucwMAEhhmdXR1cmUtaW5jb21pbmctcmVzcG9uc2UDABIKZXJyb3ItY29kZQekAQFCDwIDAgEhBAAQb3V0Z29pbmctcmVxdWVzdAMAAAIDAgEiBAAPcmVxdWVzdC1vcHRpb25zAwACAgMCASMEABhmdXR1cmUtaW5jb21pbmctcmVzcG9uc2UDAAQCAwIBJAQACmVycm9yLWNvZGUDAAYBaQEBaQMBawkBaQUBagELAQcBQAIHcmVxdWVzdAgHb3B0aW9ucwoADAQABmhhbmRsZQENCiYBACF3YXNpOmh0dHAvb3V0Z29pbmctaGFuZGxlckAwLjIuMTIFJQY3BAMAAgxpbnB1dC1zdHJlYW0DAAINb3V0cHV0LXN0cmVhbQMABAhkYXRldGltZQMAAgVlcnJvcgf4FwFCcgQACmRlc2NyaXB0b3IDAQF3BAAIZmlsZXNpemUDAAECAwIBJgQADGlucHV0LXN0cmVhbQMAAwFtJQZhY2Nlc3MLd291bGQtYmxvY2sHYWxyZWFkeQ5iYWQtZGVzY3JpcHRvcgRidXN5CGRlYWRsb2NrBXF1b3RhBWV4aXN0DmZpbGUtdG9vLWxhcmdlFWlsbGVnYWwtYnl0ZS1zZXF1ZW5jZQtpbi1wcm9ncmVzcwtpbnRlcnJ1cHRlZAdpbnZhbGlkAmlvDGlzLWRpcmVjdG9yeQRsb29wDnRvby1tYW55LWxpbmtzDG1lc3NhZ2Utc2l6ZQ1uYW1lLXRvby1sb25nCW5vLWRldmljZQhuby1lbnRyeQduby1sb2NrE2luc3VmZmljaWVudC1tZW1vcnkSaW5zdWZmaWNpZW50LXNwYWNlDW5vdC1kaXJlY3RvcnkJbm90LWVtcHR5D25vdC1yZWNvdmVyYWJsZQt1bnN1cHBvcnRlZAZuby10dHkObm8tc3VjaC1kZXZpY2UIb3ZlcmZsb3cNbm90LXBlcm1pdHRlZARwaXBlCXJlYWQtb25seQxpbnZhbGlkLXNlZWsOdGV4dC1maWxlLWJ1c3kMY3Jvc3MtZGV2aWNlBAAKZXJyb3ItY29kZQMABQIDAgEnBAANb3V0cHV0LXN0cmVhbQMABwFtBgZub3JtYWwKc2VxdWVudGlhbAZyYW5kb20Jd2lsbC1uZWVkCWRvbnQtbmVlZAhuby1yZXVzZQQABmFkdmljZQMACQFuBgRyZWFkBXdyaXRlE2ZpbGUtaW50ZWdyaXR5LXN5bmMTZGF0YS1pbnRlZ3JpdHktc3luYxRyZXF1ZXN0ZWQtd3JpdGUtc3luYxBtdXRhdGUtZGlyZWN0b3J5BAAQZGVzY3JpcHRvci1mbGFncwMACwFtCAd1bmtub3duDGJsb2NrLWRldmljZRBjaGFyYWN0ZXItZGV2aWNlCWRpcmVjdG9yeQRmaWZvDXN5bWJvbGljLWxpbmsMcmVndWxhci1maWxlBnNvY2tldAQAD2Rlc2NyaXB0b3ItdHlwZQMADQIDAgEoBAAIZGF0ZXRpbWUDAA8BcQMJbm8tY2hhbmdlAAADbm93AAAJdGltZXN0YW1wARAABAANbmV3LXRpbWVzdGFtcAMAEQQAFmRpcmVjdG9yeS1lbnRyeS1zdHJlYW0DAQF3BAAKbGluay1jb3VudAMAFAFrEAFyBgR0eXBlDgpsaW5rLWNvdW50FQRzaXplAhVkYXRhLWFjY2Vzcy10aW1lc3RhbXAWG2RhdGEtbW9kaWZpY2F0aW9uLXRpbWVzdGFtcBYXc3RhdHVzLWNoYW5nZS10aW1lc3RhbXAWBAAPZGVzY3JpcHRvci1zdGF0AwAXAW4BDnN5bWxpbmstZm9sbG93BAAKcGF0aC1mbGFncwMAGQFuBAZjcmVhdGUJZGlyZWN0b3J5CWV4Y2x1c2l2ZQh0cnVuY2F0ZQQACm9wZW4tZmxhZ3MDABsBcgIFbG93ZXJ3BXVwcGVydwQAE21ldGFkYXRhLWhhc2gtdmFsdWUDAB0BcgIEdHlwZQ4EbmFtZXMEAA9kaXJlY3RvcnktZW50cnkDAB8CAwIBKQQABWVycm9yAwAhAWgAAWkEAWoBJAEGAUACBHNlbGYjBm9mZnNldAIAJQQAIlttZXRob2RdZGVzY3JpcHRvci5yZWFkLXZpYS1zdHJlYW0BJgFpCAFqAScBBgFAAgRzZWxmIwZvZmZzZXQCACgEACNbbWV0aG9kXWRlc2NyaXB0b3Iud3JpdGUtdmlhLXN0cmVhbQEpAUABBHNlbGYjACgEACRbbWV0aG9kXWRlc2NyaXB0b3IuYXBwZW5kLXZpYS1zdHJlYW0BKgFqAAEGAUAEBHNlbGYjBm9mZnNldAIGbGVuZ3RoAgZhZHZpY2UKACsEABlbbWV0aG9kXWRlc2NyaXB0b3IuYWR2aXNlASwBQAEEc2VsZiMAKwQAHFttZXRob2RdZGVzY3JpcHRvci5zeW5jLWRhdGEBLQFqAQwBBgFAAQRzZWxmIwAuBAAcW21ldGhvZF1kZXNjcmlwdG9yLmdldC1mbGFncwEvAWoBDgEGAUABBHNlbGYjADAEABtbbWV0aG9kXWRlc2NyaXB0b3IuZ2V0LXR5cGUBMQFAAgRzZWxmIwRzaXplAgArBAAbW21ldGhvZF1kZXNjcmlwdG9yLnNldC1zaXplATIBQAMEc2VsZiMVZGF0YS1hY2Nlc3MtdGltZXN0YW1wEhtkYXRhLW1vZGlmaWNhdGlvbi10aW1lc3RhbXASACsEABxbbWV0aG9kXWRlc2NyaXB0b3Iuc2V0LXRpbWVzATMBcH0BbwI0fwFqATUBBgFAAwRzZWxmIwZsZW5ndGgCBm9mZnNldAIANgQAF1ttZXRob2RdZGVzY3JpcHRvci5yZWFkATcBagECAQYBQAMEc2VsZiMGYnVmZmVyNAZvZmZzZXQCADgEABhbbWV0aG9kXWRlc2NyaXB0b3Iud3JpdGUBOQFpEwFqAToBBgFAAQRzZWxmIwA7BAAhW21ldGhvZF1kZXNjcmlwdG9yLnJlYWQtZGlyZWN0b3J5ATwEABdbbWV0aG9kXWRlc2NyaXB0b3Iuc3luYwEtAUACBHNlbGYjBHBhdGhzACsEACZbbWV0aG9kXWRlc2NyaXB0b3IuY3JlYXRlLWRpcmVjdG9yeS1hdAE9AWoBGAEGAUABBHNlbGYjAD4EABdbbWV0aG9kXWRlc2NyaXB0b3Iuc3RhdAE/AUADBHNlbGYjCnBhdGgtZmxhZ3MaBHBhdGhzAD4EABpbbWV0aG9kXWRlc2NyaXB0b3Iuc3RhdC1hdAFAAUAFBHNlbGYjCnBhdGgtZmxhZ3MaBHBhdGhzFWRhdGEtYWNjZXNzLXRpbWVzdGFtcBIbZGF0YS1tb2RpZmljYXRpb24tdGltZXN0YW1wEgArBAAfW21ldGhvZF1kZXNjcmlwdG9yLnNldC10aW1lcy1hdAFBAUAFBHNlbGYjDm9sZC1wYXRoLWZsYWdzGghvbGQtcGF0aHMObmV3LWRlc2NyaXB0b3IjCG5ldy1wYXRocwArBAAaW21ldGhvZF1kZXNjcmlwdG9yLmxpbmstYXQBQgFpAAFqAcMAAQYBQAUEc2VsZiMKcGF0aC1mbGFncxoEcGF0aHMKb3Blbi1mbGFncxwFZmxhZ3MMAMQABAAaW21ldGhvZF1kZXNjcmlwdG9yLm9wZW4tYXQBRQFqAXMBBgFAAgRzZWxmIwRwYXRocwDGAAQAHlttZXRob2RdZGVzY3JpcHRvci5yZWFkbGluay1hdAFHBAAmW21ldGhvZF1kZXNjcmlwdG9yLnJlbW92ZS1kaXJlY3RvcnktYXQBPQFABARzZWxmIwhvbGQtcGF0aHMObmV3LWRlc2NyaXB0b3IjCG5ldy1wYXRocwArBAAcW21ldGhvZF1kZXNjcmlwdG9yLnJlbmFtZS1hdAFIAUADBHNlbGYjCG9sZC1wYXRocwhuZXctcGF0aHMAKwQAHVttZXRob2RdZGVzY3JpcHRvci5zeW1saW5rLWF0AUkEACFbbWV0aG9kXWRlc2NyaXB0b3IudW5saW5rLWZpbGUtYXQBPQFAAgRzZWxmIwVvdGhlciMAfwQAIVttZXRob2RdZGVzY3JpcHRvci5pcy1zYW1lLW9iamVjdAFKAWoBHgEGAUABBHNlbGYjAMsABAAgW21ldGhvZF1kZXNjcmlwdG9yLm1ldGFkYXRhLWhhc2gBTAFAAwRzZWxmIwpwYXRoLWZsYWdzGgRwYXRocwDLAAQAI1ttZXRob2RdZGVzY3JpcHRvci5tZXRhZGF0YS1oYXNoLWF0AU0BaBMBayABagHPAAEGAUABBHNlbGbOAADQAAQAM1ttZXRob2RdZGlyZWN0b3J5LWVudHJ5LXN0cmVhbS5yZWFkLWRpcmVjdG9yeS1lbnRyeQFRAWgiAWsGAUABA2VyctIAANMABAAVZmlsZXN5c3RlbS1lcnJvci1jb2RlAVQKIQEAHHdhc2k6ZmlsZXN5c3RlbS90eXBlc0AwLjIuMTIFKgYPAQMAFApkZXNjcmlwdG9yBzwBQgcCAwIBKwQACmRlc2NyaXB0b3IDAAABaQEBbwICcwFwAwFAAAAEBAAPZ2V0LWRpcmVjdG9yaWVzAQUKJAEAH3dhc2k6ZmlsZXN5c3RlbS9wcmVvcGVuc0AwLjIuMTIFLAeYBQFCEQQAB25ldHdvcmsDAQFtFQd1bmtub3duDWFjY2Vzcy1kZW5pZWQNbm90LXN1cHBvcnRlZBBpbnZhbGlkLWFyZ3VtZW50DW91dC1vZi1tZW1vcnkHdGltZW91dBRjb25jdXJyZW5jeS1jb25mbGljdA9ub3QtaW4tcHJvZ3Jlc3MLd291bGQtYmxvY2sNaW52YWxpZC1zdGF0ZRBuZXctc29ja2V0LWxpbWl0FGFkZHJlc3Mtbm90LWJpbmRhYmxlDmFkZHJlc3MtaW4tdXNlEnJlbW90ZS11bnJlYWNoYWJsZRJjb25uZWN0aW9uLXJlZnVzZWQQY29ubmVjdGlvbi1yZXNldBJjb25uZWN0aW9uLWFib3J0ZWQSZGF0YWdyYW0tdG9vLWxhcmdlEW5hbWUtdW5yZXNvbHZhYmxlGnRlbXBvcmFyeS1yZXNvbHZlci1mYWlsdXJlGnBlcm1hbmVudC1yZXNvbHZlci1mYWlsdXJlBAAKZXJyb3ItY29kZQMAAQFvBH19fX0EAAxpcHY0LWFkZHJlc3MDAAMBbwh7e3t7e3t7ewQADGlwdjYtYWRkcmVzcwMABQFxAgRpcHY0AQQABGlwdjYBBgAEAAppcC1hZGRyZXNzAwAHAXICBHBvcnR7B2FkZHJlc3MEBAATaXB2NC1zb2NrZXQtYWRkcmVzcwMACQFyBARwb3J0ewlmbG93LWluZm95B2FkZHJlc3MGCHNjb3BlLWlkeQQAE2lwdjYtc29ja2V0LWFkZHJlc3MDAAsBcQIEaXB2NAEKAARpcHY2AQwABAARaXAtc29ja2V0LWFkZHJlc3MDAA0BbQIEaXB2NARpcHY2BAARaXAtYWRkcmVzcy1mYW1pbHkDAA8KIAEAG3dhc2k6c29ja2V0cy9uZXR3b3JrQDAuMi4xMgUtBgwBAwAWB25ldHdvcmsHMgFCBQIDAgEuBAAHbmV0d29yawMAAAFpAQFAAAACBAAQaW5zdGFuY2UtbmV0d29yawEDCikBACR3YXNpOnNvY2tldHMvaW5zdGFuY2UtbmV0d29ya0AwLjIuMTIFLwY0BAMAFgduZXR3b3JrAwAWCmVycm9yLWNvZGUDABYKaXAtYWRkcmVzcwMAAQhwb2xsYWJsZQetAgFCFgIDAgEwBAAHbmV0d29yawMAAAQAFnJlc29sdmUtYWRkcmVzcy1zdHJlYW0DAQIDAgExBAAKZXJyb3ItY29kZQMAAwIDAgEyBAAKaXAtYWRkcmVzcwMABQIDAgEzBAAIcG9sbGFibGUDAAcBaAIBawYBagEKAQQBQAEEc2VsZgkACwQAM1ttZXRob2RdcmVzb2x2ZS1hZGRyZXNzLXN0cmVhbS5yZXNvbHZlLW5leHQtYWRkcmVzcwEMAWkIAUABBHNlbGYJAA0EAChbbWV0aG9kXXJlc29sdmUtYWRkcmVzcy1zdHJlYW0uc3Vic2NyaWJlAQ4BaAEBaQIBagEQAQQBQAIHbmV0d29yaw8EbmFtZXMAEQQAEXJlc29sdmUtYWRkcmVzc2VzARIKJwEAIndhc2k6c29ja2V0cy9pcC1uYW1lLWxvb2t1cEAwLjIuMTIFNAZ9CAMAFgduZXR3b3JrAwAWEWlwLXNvY2tldC1hZGRyZXNzAwAWCmVycm9yLWNvZGUDAAIMaW5wdXQtc3RyZWFtAwACDW91dHB1dC1zdHJlYW0DABYRaXAtYWRkcmVzcy1mYW1pbHkDAAMIZHVyYXRpb24DAAEIcG9sbGFibGUH0Q0BQlQEAAp0Y3Atc29ja2V0AwECAwIBNQQAB25ldHdvcmsDAAECAwIBNgQAEWlwLXNvY2tldC1hZGRyZXNzAwADAgMCATcEAAplcnJvci1jb2RlAwAFAgMCATgEAAxpbnB1dC1zdHJlYW0DAAcCAwIBOQQADW91dHB1dC1zdHJlYW0DAAkCAwIBOgQAEWlwLWFkZHJlc3MtZmFtaWx5AwALAgMCATsEAAhkdXJhdGlvbgMADQIDAgE8BAAIcG9sbGFibGUDAA8BbQMHcmVjZWl2ZQRzZW5kBGJvdGgEAA1zaHV0ZG93bi10eXBlAwARAWgAAWgCAWoAAQYBQAMEc2VsZhMHbmV0d29yaxQNbG9jYWwtYWRkcmVzcwQAFQQAHVttZXRob2RddGNwLXNvY2tldC5zdGFydC1iaW5kARYBQAEEc2VsZhMAFQQAHlttZXRob2RddGNwLXNvY2tldC5maW5pc2gtYmluZAEXAUADBHNlbGYTB25ldHdvcmsUDnJlbW90ZS1hZGRyZXNzBAAVBAAgW21ldGhvZF10Y3Atc29ja2V0LnN0YXJ0LWNvbm5lY3QBGAFpCAFpCgFvAhkaAWoBGwEGAUABBHNlbGYTABwEACFbbWV0aG9kXXRjcC1zb2NrZXQuZmluaXNoLWNvbm5lY3QBHQQAH1ttZXRob2RddGNwLXNvY2tldC5zdGFydC1saXN0ZW4BFwQAIFttZXRob2RddGNwLXNvY2tldC5maW5pc2gtbGlzdGVuARcBaQABbwMeGRoBagEfAQYBQAEEc2VsZhMAIAQAGVttZXRob2RddGNwLXNvY2tldC5hY2NlcHQBIQFqAQQBBgFAAQRzZWxmEwAiBAAgW21ldGhvZF10Y3Atc29ja2V0LmxvY2FsLWFkZHJlc3MBIwQAIVttZXRob2RddGNwLXNvY2tldC5yZW1vdGUtYWRkcmVzcwEjAUABBHNlbGYTAH8EAB9bbWV0aG9kXXRjcC1zb2NrZXQuaXMtbGlzdGVuaW5nASQBQAEEc2VsZhMADAQAIVttZXRob2RddGNwLXNvY2tldC5hZGRyZXNzLWZhbWlseQElAUACBHNlbGYTBXZhbHVldwAVBAAqW21ldGhvZF10Y3Atc29ja2V0LnNldC1saXN0ZW4tYmFja2xvZy1zaXplASYBagF/AQYBQAEEc2VsZhMAJwQAJVttZXRob2RddGNwLXNvY2tldC5rZWVwLWFsaXZlLWVuYWJsZWQBKAFAAgRzZWxmEwV2YWx1ZX8AFQQAKVttZXRob2RddGNwLXNvY2tldC5zZXQta2VlcC1hbGl2ZS1lbmFibGVkASkBagEOAQYBQAEEc2VsZhMAKgQAJ1ttZXRob2RddGNwLXNvY2tldC5rZWVwLWFsaXZlLWlkbGUtdGltZQErAUACBHNlbGYTBXZhbHVlDgAVBAArW21ldGhvZF10Y3Atc29ja2V0LnNldC1rZWVwLWFsaXZlLWlkbGUtdGltZQEsBAAmW21ldGhvZF10Y3Atc29ja2V0LmtlZXAtYWxpdmUtaW50ZXJ2YWwBKwQAKlttZXRob2RddGNwLXNvY2tldC5zZXQta2VlcC1hbGl2ZS1pbnRlcnZhbAEsAWoBeQEGAUABBHNlbGYTAC0EACNbbWV0aG9kXXRjcC1zb2NrZXQua2VlcC1hbGl2ZS1jb3VudAEuAUACBHNlbGYTBXZhbHVleQAVBAAnW21ldGhvZF10Y3Atc29ja2V0LnNldC1rZWVwLWFsaXZlLWNvdW50AS8BagF9AQYBQAEEc2VsZhMAMAQAHFttZXRob2RddGNwLXNvY2tldC5ob3AtbGltaXQBMQFAAgRzZWxmEwV2YWx1ZX0AFQQAIFttZXRob2RddGNwLXNvY2tldC5zZXQtaG9wLWxpbWl0ATIBagF3AQYBQAEEc2VsZhMAMwQAJlttZXRob2RddGNwLXNvY2tldC5yZWNlaXZlLWJ1ZmZlci1zaXplATQEACpbbWV0aG9kXXRjcC1zb2NrZXQuc2V0LXJlY2VpdmUtYnVmZmVyLXNpemUBJgQAI1ttZXRob2RddGNwLXNvY2tldC5zZW5kLWJ1ZmZlci1zaXplATQEACdbbWV0aG9kXXRjcC1zb2NrZXQuc2V0LXNlbmQtYnVmZmVyLXNpemUBJgFpEAFAAQRzZWxmEwA1BAAcW21ldGhvZF10Y3Atc29ja2V0LnN1YnNjcmliZQE2AUACBHNlbGYTDXNodXRkb3duLXR5cGUSABUEABtbbWV0aG9kXXRjcC1zb2NrZXQuc2h1dGRvd24BNwocAQAXd2FzaTpzb2NrZXRzL3RjcEAwLjIuMTIFPQYyAwMAFhFpcC1hZGRyZXNzLWZhbWlseQMAGQp0Y3Atc29ja2V0AwAWCmVycm9yLWNvZGUHfQFCCgIDAgE+BAARaXAtYWRkcmVzcy1mYW1pbHkDAAACAwIBPwQACnRjcC1zb2NrZXQDAAICAwIBQAQACmVycm9yLWNvZGUDAAQBaQMBagEGAQUBQAEOYWRkcmVzcy1mYW1pbHkBAAcEABFjcmVhdGUtdGNwLXNvY2tldAEICioBACV3YXNpOnNvY2tldHMvdGNwLWNyZWF0ZS1zb2NrZXRAMC4yLjEyBUEGUAUDABYHbmV0d29yawMAFhFpcC1zb2NrZXQtYWRkcmVzcwMAFgplcnJvci1jb2RlAwAWEWlwLWFkZHJlc3MtZmFtaWx5AwABCHBvbGxhYmxlB7gKAUJEBAAKdWRwLXNvY2tldAMBAgMCAUIEAAduZXR3b3JrAwABAgMCAUMEABFpcC1zb2NrZXQtYWRkcmVzcwMAAwIDAgFEBAAKZXJyb3ItY29kZQMABQQAGGluY29taW5nLWRhdGFncmFtLXN0cmVhbQMBBAAYb3V0Z29pbmctZGF0YWdyYW0tc3RyZWFtAwECAwIBRQQAEWlwLWFkZHJlc3MtZmFtaWx5AwAJAgMCAUYEAAhwb2xsYWJsZQMACwFwfQFyAgRkYXRhDQ5yZW1vdGUtYWRkcmVzcwQEABFpbmNvbWluZy1kYXRhZ3JhbQMADgFrBAFyAgRkYXRhDQ5yZW1vdGUtYWRkcmVzcxAEABFvdXRnb2luZy1kYXRhZ3JhbQMAEQFoAAFoAgFqAAEGAUADBHNlbGYTB25ldHdvcmsUDWxvY2FsLWFkZHJlc3MEABUEAB1bbWV0aG9kXXVkcC1zb2NrZXQuc3RhcnQtYmluZAEWAUABBHNlbGYTABUEAB5bbWV0aG9kXXVkcC1zb2NrZXQuZmluaXNoLWJpbmQBFwFpBwFpCAFvAhgZAWoBGgEGAUACBHNlbGYTDnJlbW90ZS1hZGRyZXNzEAAbBAAZW21ldGhvZF11ZHAtc29ja2V0LnN0cmVhbQEcAWoBBAEGAUABBHNlbGYTAB0EACBbbWV0aG9kXXVkcC1zb2NrZXQubG9jYWwtYWRkcmVzcwEeBAAhW21ldGhvZF11ZHAtc29ja2V0LnJlbW90ZS1hZGRyZXNzAR4BQAEEc2VsZhMACgQAIVttZXRob2RddWRwLXNvY2tldC5hZGRyZXNzLWZhbWlseQEfAWoBfQEGAUABBHNlbGYTACAEACRbbWV0aG9kXXVkcC1zb2NrZXQudW5pY2FzdC1ob3AtbGltaXQBIQFAAgRzZWxmEwV2YWx1ZX0AFQQAKFttZXRob2RddWRwLXNvY2tldC5zZXQtdW5pY2FzdC1ob3AtbGltaXQBIgFqAXcBBgFAAQRzZWxmEwAjBAAmW21ldGhvZF11ZHAtc29ja2V0LnJlY2VpdmUtYnVmZmVyLXNpemUBJAFAAgRzZWxmEwV2YWx1ZXcAFQQAKlttZXRob2RddWRwLXNvY2tldC5zZXQtcmVjZWl2ZS1idWZmZXItc2l6ZQElBAAjW21ldGhvZF11ZHAtc29ja2V0LnNlbmQtYnVmZmVyLXNpemUBJAQAJ1ttZXRob2RddWRwLXNvY2tldC5zZXQtc2VuZC1idWZmZXItc2l6ZQElAWkMAUABBHNlbGYTACYEABxbbWV0aG9kXXVkcC1zb2NrZXQuc3Vic2NyaWJlAScBaAcBcA8BagEpAQYBQAIEc2VsZigLbWF4LXJlc3VsdHN3ACoEAChbbWV0aG9kXWluY29taW5nLWRhdGFncmFtLXN0cmVhbS5yZWNlaXZlASsBQAEEc2VsZigAJgQAKlttZXRob2RdaW5jb21pbmctZGF0YWdyYW0tc3RyZWFtLnN1YnNjcmliZQEsAWgIAUABBHNlbGYtACMEACtbbWV0aG9kXW91dGdvaW5nLWRhdGFncmFtLXN0cmVhbS5jaGVjay1zZW5kAS4BcBIBQAIEc2VsZi0JZGF0YWdyYW1zLwAjBAAlW21ldGhvZF1vdXRnb2luZy1kYXRhZ3JhbS1zdHJlYW0uc2VuZAEwAUABBHNlbGYtACYEACpbbWV0aG9kXW91dGdvaW5nLWRhdGFncmFtLXN0cmVhbS5zdWJzY3JpYmUBMQocAQAXd2FzaTpzb2NrZXRzL3VkcEAwLjIuMTIFRwYyAwMAFhFpcC1hZGRyZXNzLWZhbWlseQMAGwp1ZHAtc29ja2V0AwAWCmVycm9yLWNvZGUHfQFCCgIDAgFIBAARaXAtYWRkcmVzcy1mYW1pbHkDAAACAwIBSQQACnVkcC1zb2NrZXQDAAICAwIBSgQACmVycm9yLWNvZGUDAAQBaQMBagEGAQUBQAEOYWRkcmVzcy1mYW1pbHkBAAcEABFjcmVhdGUtdWRwLXNvY2tldAEICioBACV3YXNpOnNvY2tldHMvdWRwLWNyZWF0ZS1zb2NrZXRAMC4yLjEyBUsGKgIDABIQaW5jb21pbmctcmVxdWVzdAMAEhFyZXNwb25zZS1vdXRwYXJhbQdnAUIIAgMCAUwEABBpbmNvbWluZy1yZXF1ZXN0AwAAAgMCAU0EABFyZXNwb25zZS1vdXRwYXJhbQMAAgFpAQFpAwFAAgdyZXF1ZXN0BAxyZXNwb25zZS1vdXQFAQAEAAZoYW5kbGUBBgomAQAhd2FzaTpodHRwL2luY29taW5nLWhhbmRsZXJAMC4yLjEyBU4="
  }
};

export const SIGNATURES: Signatures = {
  "popmesh:function/types": {},
  "popmesh:function/host": {
    "config": "func() -> string",
    "now": "func() -> f64",
    "monotonic": "func() -> f64",
    "random": "func(length: u32) -> list<u8>",
    "log": "func(level: log-level, message: string)",
    "report": "func(message: string, stack: string)",
    "respond": "func(id: u32, status: u32, headers: string, text: string)",
    "respond-bytes": "func(id: u32, status: u32, headers: string, bytes: list<u8>)",
    "respond-pipe": "func(id: u32, status: u32, headers: string, pipe: u32)",
    "body-text": "func(id: u32) -> string",
    "body-bytes": "func(id: u32) -> list<u8>",
    "timer": "func(wait: u32, ms: u32) -> u32",
    "timer-cancel": "func(wait: u32)",
    "fetch": "func(wait: u32, request: request)",
    "fetch-take": "func(wait: u32) -> outcome",
    "fetch-abort": "func(wait: u32)",
    "pipe-open": "func() -> u32",
    "pipe-write": "func(wait: u32, pipe: u32, bytes: list<u8>) -> u32",
    "pipe-close": "func(pipe: u32, error: string)",
    "pipe-ready": "func(wait: u32, pipe: u32) -> u32",
    "pipe-take": "func(pipe: u32) -> list<u8>",
    "pipe-cancel": "func(pipe: u32)",
    "gone": "func(wait: u32, id: u32)",
    "retain": "func(id: u32)",
    "release": "func(id: u32)",
    "url-parse": "func(url: string, base: string) -> string",
    "url-set": "func(href: string, part: string, value: string) -> string",
    "utf8-encode": "func(text: string) -> list<u8>",
    "utf8-decode": "func(bytes: list<u8>) -> string",
    "compress": "func(format: string, input: u32) -> u32",
    "crypto": "func(operation: string, parameters: string, data: list<list<u8>>) -> crypto-outcome"
  },
  "wasi:io/error": {
    "[method]error.to-debug-string": "func() -> string"
  },
  "wasi:io/poll": {
    "[method]pollable.ready": "func() -> bool",
    "[method]pollable.block": "func()",
    "poll": "func(in: list<borrow<pollable>>) -> list<u32>"
  },
  "wasi:io/streams": {
    "[method]input-stream.read": "func(len: u64) -> result<list<u8>, stream-error>",
    "[method]input-stream.blocking-read": "func(len: u64) -> result<list<u8>, stream-error>",
    "[method]input-stream.skip": "func(len: u64) -> result<u64, stream-error>",
    "[method]input-stream.blocking-skip": "func(len: u64) -> result<u64, stream-error>",
    "[method]input-stream.subscribe": "func() -> pollable",
    "[method]output-stream.check-write": "func() -> result<u64, stream-error>",
    "[method]output-stream.write": "func(contents: list<u8>) -> result<_, stream-error>",
    "[method]output-stream.blocking-write-and-flush": "func(contents: list<u8>) -> result<_, stream-error>",
    "[method]output-stream.flush": "func() -> result<_, stream-error>",
    "[method]output-stream.blocking-flush": "func() -> result<_, stream-error>",
    "[method]output-stream.subscribe": "func() -> pollable",
    "[method]output-stream.write-zeroes": "func(len: u64) -> result<_, stream-error>",
    "[method]output-stream.blocking-write-zeroes-and-flush": "func(len: u64) -> result<_, stream-error>",
    "[method]output-stream.splice": "func(src: borrow<input-stream>, len: u64) -> result<u64, stream-error>",
    "[method]output-stream.blocking-splice": "func(src: borrow<input-stream>, len: u64) -> result<u64, stream-error>"
  },
  "wasi:clocks/monotonic-clock": {
    "now": "func() -> instant",
    "resolution": "func() -> duration",
    "subscribe-instant": "func(when: instant) -> pollable",
    "subscribe-duration": "func(when: duration) -> pollable"
  },
  "wasi:random/insecure-seed": {
    "insecure-seed": "func() -> tuple<u64, u64>"
  },
  "wasi:random/insecure": {
    "get-insecure-random-bytes": "func(len: u64) -> list<u8>",
    "get-insecure-random-u64": "func() -> u64"
  },
  "wasi:random/random": {
    "get-random-bytes": "func(len: u64) -> list<u8>",
    "get-random-u64": "func() -> u64"
  },
  "wasi:filesystem/preopens": {
    "get-directories": "func() -> list<tuple<descriptor, string>>"
  },
  "wasi:filesystem/types": {
    "[method]descriptor.read-via-stream": "func(offset: filesize) -> result<input-stream, error-code>",
    "[method]descriptor.write-via-stream": "func(offset: filesize) -> result<output-stream, error-code>",
    "[method]descriptor.append-via-stream": "func() -> result<output-stream, error-code>",
    "[method]descriptor.advise": "func(offset: filesize, length: filesize, advice: advice) -> result<_, error-code>",
    "[method]descriptor.sync-data": "func() -> result<_, error-code>",
    "[method]descriptor.get-flags": "func() -> result<descriptor-flags, error-code>",
    "[method]descriptor.get-type": "func() -> result<descriptor-type, error-code>",
    "[method]descriptor.set-size": "func(size: filesize) -> result<_, error-code>",
    "[method]descriptor.set-times": "func(data-access-timestamp: new-timestamp, data-modification-timestamp: new-timestamp) -> result<_, error-code>",
    "[method]descriptor.read": "func(length: filesize, offset: filesize) -> result<tuple<list<u8>, bool>, error-code>",
    "[method]descriptor.write": "func(buffer: list<u8>, offset: filesize) -> result<filesize, error-code>",
    "[method]descriptor.read-directory": "func() -> result<directory-entry-stream, error-code>",
    "[method]descriptor.sync": "func() -> result<_, error-code>",
    "[method]descriptor.create-directory-at": "func(path: string) -> result<_, error-code>",
    "[method]descriptor.stat": "func() -> result<descriptor-stat, error-code>",
    "[method]descriptor.stat-at": "func(path-flags: path-flags, path: string) -> result<descriptor-stat, error-code>",
    "[method]descriptor.set-times-at": "func(path-flags: path-flags, path: string, data-access-timestamp: new-timestamp, data-modification-timestamp: new-timestamp) -> result<_, error-code>",
    "[method]descriptor.link-at": "func(old-path-flags: path-flags, old-path: string, new-descriptor: borrow<descriptor>, new-path: string) -> result<_, error-code>",
    "[method]descriptor.open-at": "func(path-flags: path-flags, path: string, open-flags: open-flags, flags: descriptor-flags) -> result<descriptor, error-code>",
    "[method]descriptor.readlink-at": "func(path: string) -> result<string, error-code>",
    "[method]descriptor.remove-directory-at": "func(path: string) -> result<_, error-code>",
    "[method]descriptor.rename-at": "func(old-path: string, new-descriptor: borrow<descriptor>, new-path: string) -> result<_, error-code>",
    "[method]descriptor.symlink-at": "func(old-path: string, new-path: string) -> result<_, error-code>",
    "[method]descriptor.unlink-file-at": "func(path: string) -> result<_, error-code>",
    "[method]descriptor.is-same-object": "func(other: borrow<descriptor>) -> bool",
    "[method]descriptor.metadata-hash": "func() -> result<metadata-hash-value, error-code>",
    "[method]descriptor.metadata-hash-at": "func(path-flags: path-flags, path: string) -> result<metadata-hash-value, error-code>",
    "[method]directory-entry-stream.read-directory-entry": "func() -> result<option<directory-entry>, error-code>",
    "filesystem-error-code": "func(err: borrow<error>) -> option<error-code>"
  },
  "wasi:sockets/instance-network": {
    "instance-network": "func() -> network"
  },
  "wasi:sockets/ip-name-lookup": {
    "[method]resolve-address-stream.resolve-next-address": "func() -> result<option<ip-address>, error-code>",
    "[method]resolve-address-stream.subscribe": "func() -> pollable",
    "resolve-addresses": "func(network: borrow<network>, name: string) -> result<resolve-address-stream, error-code>"
  },
  "wasi:sockets/network": {},
  "wasi:sockets/tcp-create-socket": {
    "create-tcp-socket": "func(address-family: ip-address-family) -> result<tcp-socket, error-code>"
  },
  "wasi:sockets/tcp": {
    "[method]tcp-socket.start-bind": "func(network: borrow<network>, local-address: ip-socket-address) -> result<_, error-code>",
    "[method]tcp-socket.finish-bind": "func() -> result<_, error-code>",
    "[method]tcp-socket.start-connect": "func(network: borrow<network>, remote-address: ip-socket-address) -> result<_, error-code>",
    "[method]tcp-socket.finish-connect": "func() -> result<tuple<input-stream, output-stream>, error-code>",
    "[method]tcp-socket.start-listen": "func() -> result<_, error-code>",
    "[method]tcp-socket.finish-listen": "func() -> result<_, error-code>",
    "[method]tcp-socket.accept": "func() -> result<tuple<tcp-socket, input-stream, output-stream>, error-code>",
    "[method]tcp-socket.local-address": "func() -> result<ip-socket-address, error-code>",
    "[method]tcp-socket.remote-address": "func() -> result<ip-socket-address, error-code>",
    "[method]tcp-socket.is-listening": "func() -> bool",
    "[method]tcp-socket.address-family": "func() -> ip-address-family",
    "[method]tcp-socket.set-listen-backlog-size": "func(value: u64) -> result<_, error-code>",
    "[method]tcp-socket.keep-alive-enabled": "func() -> result<bool, error-code>",
    "[method]tcp-socket.set-keep-alive-enabled": "func(value: bool) -> result<_, error-code>",
    "[method]tcp-socket.keep-alive-idle-time": "func() -> result<duration, error-code>",
    "[method]tcp-socket.set-keep-alive-idle-time": "func(value: duration) -> result<_, error-code>",
    "[method]tcp-socket.keep-alive-interval": "func() -> result<duration, error-code>",
    "[method]tcp-socket.set-keep-alive-interval": "func(value: duration) -> result<_, error-code>",
    "[method]tcp-socket.keep-alive-count": "func() -> result<u32, error-code>",
    "[method]tcp-socket.set-keep-alive-count": "func(value: u32) -> result<_, error-code>",
    "[method]tcp-socket.hop-limit": "func() -> result<u8, error-code>",
    "[method]tcp-socket.set-hop-limit": "func(value: u8) -> result<_, error-code>",
    "[method]tcp-socket.receive-buffer-size": "func() -> result<u64, error-code>",
    "[method]tcp-socket.set-receive-buffer-size": "func(value: u64) -> result<_, error-code>",
    "[method]tcp-socket.send-buffer-size": "func() -> result<u64, error-code>",
    "[method]tcp-socket.set-send-buffer-size": "func(value: u64) -> result<_, error-code>",
    "[method]tcp-socket.subscribe": "func() -> pollable",
    "[method]tcp-socket.shutdown": "func(shutdown-type: shutdown-type) -> result<_, error-code>"
  },
  "wasi:sockets/udp-create-socket": {
    "create-udp-socket": "func(address-family: ip-address-family) -> result<udp-socket, error-code>"
  },
  "wasi:sockets/udp": {
    "[method]udp-socket.start-bind": "func(network: borrow<network>, local-address: ip-socket-address) -> result<_, error-code>",
    "[method]udp-socket.finish-bind": "func() -> result<_, error-code>",
    "[method]udp-socket.stream": "func(remote-address: option<ip-socket-address>) -> result<tuple<incoming-datagram-stream, outgoing-datagram-stream>, error-code>",
    "[method]udp-socket.local-address": "func() -> result<ip-socket-address, error-code>",
    "[method]udp-socket.remote-address": "func() -> result<ip-socket-address, error-code>",
    "[method]udp-socket.address-family": "func() -> ip-address-family",
    "[method]udp-socket.unicast-hop-limit": "func() -> result<u8, error-code>",
    "[method]udp-socket.set-unicast-hop-limit": "func(value: u8) -> result<_, error-code>",
    "[method]udp-socket.receive-buffer-size": "func() -> result<u64, error-code>",
    "[method]udp-socket.set-receive-buffer-size": "func(value: u64) -> result<_, error-code>",
    "[method]udp-socket.send-buffer-size": "func() -> result<u64, error-code>",
    "[method]udp-socket.set-send-buffer-size": "func(value: u64) -> result<_, error-code>",
    "[method]udp-socket.subscribe": "func() -> pollable",
    "[method]incoming-datagram-stream.receive": "func(max-results: u64) -> result<list<incoming-datagram>, error-code>",
    "[method]incoming-datagram-stream.subscribe": "func() -> pollable",
    "[method]outgoing-datagram-stream.check-send": "func() -> result<u64, error-code>",
    "[method]outgoing-datagram-stream.send": "func(datagrams: list<outgoing-datagram>) -> result<u64, error-code>",
    "[method]outgoing-datagram-stream.subscribe": "func() -> pollable"
  },
  "wasi:cli/environment": {
    "get-environment": "func() -> list<tuple<string, string>>",
    "get-arguments": "func() -> list<string>",
    "initial-cwd": "func() -> option<string>"
  },
  "wasi:cli/exit": {
    "exit": "func(status: result)",
    "exit-with-code": "func(status-code: u8)"
  },
  "wasi:cli/run": {
    "run": "func() -> result"
  },
  "wasi:cli/stdin": {
    "get-stdin": "func() -> input-stream"
  },
  "wasi:cli/stdout": {
    "get-stdout": "func() -> output-stream"
  },
  "wasi:cli/stderr": {
    "get-stderr": "func() -> output-stream"
  },
  "wasi:cli/terminal-input": {},
  "wasi:cli/terminal-output": {},
  "wasi:cli/terminal-stdin": {
    "get-terminal-stdin": "func() -> option<terminal-input>"
  },
  "wasi:cli/terminal-stdout": {
    "get-terminal-stdout": "func() -> option<terminal-output>"
  },
  "wasi:cli/terminal-stderr": {
    "get-terminal-stderr": "func() -> option<terminal-output>"
  },
  "wasi:http/incoming-handler": {
    "handle": "func(request: incoming-request, response-out: response-outparam)"
  },
  "wasi:http/outgoing-handler": {
    "handle": "func(request: outgoing-request, options: option<request-options>) -> result<future-incoming-response, error-code>"
  },
  "wasi:http/types": {
    "[constructor]fields": "constructor()",
    "[static]fields.from-list": "func(entries: list<tuple<field-name,field-value>>) -> result<fields, header-error>",
    "[method]fields.get": "func(name: field-name) -> list<field-value>",
    "[method]fields.has": "func(name: field-name) -> bool",
    "[method]fields.set": "func(name: field-name, value: list<field-value>) -> result<_, header-error>",
    "[method]fields.delete": "func(name: field-name) -> result<_, header-error>",
    "[method]fields.append": "func(name: field-name, value: field-value) -> result<_, header-error>",
    "[method]fields.entries": "func() -> list<tuple<field-name,field-value>>",
    "[method]fields.clone": "func() -> fields",
    "[method]incoming-request.method": "func() -> method",
    "[method]incoming-request.path-with-query": "func() -> option<string>",
    "[method]incoming-request.scheme": "func() -> option<scheme>",
    "[method]incoming-request.authority": "func() -> option<string>",
    "[method]incoming-request.headers": "func() -> headers",
    "[method]incoming-request.consume": "func() -> result<incoming-body>",
    "[constructor]outgoing-request": "constructor(headers: headers)",
    "[method]outgoing-request.body": "func() -> result<outgoing-body>",
    "[method]outgoing-request.method": "func() -> method",
    "[method]outgoing-request.set-method": "func(method: method) -> result",
    "[method]outgoing-request.path-with-query": "func() -> option<string>",
    "[method]outgoing-request.set-path-with-query": "func(path-with-query: option<string>) -> result",
    "[method]outgoing-request.scheme": "func() -> option<scheme>",
    "[method]outgoing-request.set-scheme": "func(scheme: option<scheme>) -> result",
    "[method]outgoing-request.authority": "func() -> option<string>",
    "[method]outgoing-request.set-authority": "func(authority: option<string>) -> result",
    "[method]outgoing-request.headers": "func() -> headers",
    "[constructor]request-options": "constructor()",
    "[method]request-options.connect-timeout": "func() -> option<duration>",
    "[method]request-options.set-connect-timeout": "func(duration: option<duration>) -> result",
    "[method]request-options.first-byte-timeout": "func() -> option<duration>",
    "[method]request-options.set-first-byte-timeout": "func(duration: option<duration>) -> result",
    "[method]request-options.between-bytes-timeout": "func() -> option<duration>",
    "[method]request-options.set-between-bytes-timeout": "func(duration: option<duration>) -> result",
    "[static]response-outparam.set": "func(param: response-outparam, response: result<outgoing-response, error-code>)",
    "[method]incoming-response.status": "func() -> status-code",
    "[method]incoming-response.headers": "func() -> headers",
    "[method]incoming-response.consume": "func() -> result<incoming-body>",
    "[method]incoming-body.stream": "func() -> result<input-stream>",
    "[static]incoming-body.finish": "func(this: incoming-body) -> future-trailers",
    "[method]future-trailers.subscribe": "func() -> pollable",
    "[method]future-trailers.get": "func() -> option<result<result<option<trailers>, error-code>>>",
    "[constructor]outgoing-response": "constructor(headers: headers)",
    "[method]outgoing-response.status-code": "func() -> status-code",
    "[method]outgoing-response.set-status-code": "func(status-code: status-code) -> result",
    "[method]outgoing-response.headers": "func() -> headers",
    "[method]outgoing-response.body": "func() -> result<outgoing-body>",
    "[method]outgoing-body.write": "func() -> result<output-stream>",
    "[static]outgoing-body.finish": "func(this: outgoing-body, trailers: option<trailers>) -> result<_, error-code>",
    "[method]future-incoming-response.subscribe": "func() -> pollable",
    "[method]future-incoming-response.get": "func() -> option<result<result<incoming-response, error-code>>>",
    "http-error-code": "func(err: borrow<io-error>) -> option<error-code>"
  },
  "": {
    "handle": "async func(id: u32, head: string, method-length: u32, url-length: u32, body: u32)",
    "settle": "async func(wait: u32, value: u32)"
  }
};
