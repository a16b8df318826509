/**
 * The release that is fetched when none is here: one version for the download
 * and for `go install`. A digest is what the project publishes in SHA256SUMS
 * beside the archive; a platform that is not in the table is not downloaded.
 */

export const NATS_VERSION = '2.11.17';

export interface Release {
  readonly version: string;
  /** Folder that holds the archives. */
  readonly base: string;
  readonly digests: Readonly<Record<string, string>>;
}

export const NATS_RELEASE: Release = {
  version: NATS_VERSION,
  base: `https://github.com/nats-io/nats-server/releases/download/v${NATS_VERSION}`,
  digests: {
    'linux-amd64': 'ad608dd0ea8bbfa58c40e3b8f58ed67478eec26166ec49c502db8d17589b51b5',
    'darwin-arm64': 'e17d11c5e9cb0824e003013304ba3d96ca24adbff9998084c746869c0347be9b',
  },
};

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

export const releasePlatform = (): string =>
  `${process.platform}-${ARCHITECTURES[process.arch] ?? process.arch}`;
