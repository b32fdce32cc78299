import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import type { Logger } from '@tidegate/observability';

/** TLS of the gRPC port: PEM files. With `clientCaFile` a client must show a certificate it signed (mTLS). */
export interface ServerTlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile?: string | undefined;
}

/** How often the files are looked at, in ms. Looked at, not watched: certificates are rotated by rename and by symlink. */
const lookEveryMs = 1_000;

type Provider = experimental.CertificateProvider;

/**
 * Credentials that follow their files (limiter/P9): new connections get the new certificate, open ones stay. Files that cannot be
 * read or do not fit together are logged and the last good ones go on.
 * @throws if they cannot be used at the start
 */
export function createServerTls(files: ServerTlsFiles, logger: Pick<Logger, 'info' | 'error'>): ServerCredentials {
  const provider = new CertificateFiles(files, logger);
  const isMutual = files.clientCaFile !== undefined;
  return experimental.createCertificateProviderServerCredentials(provider, isMutual ? provider : null, isMutual);
}

interface Certificates {
  readonly certificate: Buffer;
  readonly privateKey: Buffer;
  readonly caCertificate: Buffer | undefined;
}

class CertificateFiles implements Provider {
  readonly #files: ServerTlsFiles;
  readonly #logger: Pick<Logger, 'info' | 'error'>;
  readonly #identityListeners = new Set<experimental.IdentityCertificateUpdateListener>();
  readonly #caListeners = new Set<experimental.CaCertificateUpdateListener>();
  readonly #reload = (): void => this.#onChange();
  #current: Certificates;

  constructor(files: ServerTlsFiles, logger: Pick<Logger, 'info' | 'error'>) {
    this.#files = files;
    this.#logger = logger;
    this.#current = readCertificates(files);
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#startWatching();
    this.#identityListeners.add(listener);
    process.nextTick(listener, this.#current);
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#identityListeners.delete(listener);
    this.#stopWatching();
  }

  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#startWatching();
    this.#caListeners.add(listener);
    process.nextTick(listener, this.#toCaUpdate());
  }

  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#caListeners.delete(listener);
    this.#stopWatching();
  }

  #onChange(): void {
    try {
      this.#current = readCertificates(this.#files);
    } catch (error) {
      this.#logger.error({ err: error }, 'certificate files refused: the last good ones go on');
      return;
    }
    for (const listener of this.#identityListeners) listener(this.#current);
    for (const listener of this.#caListeners) listener(this.#toCaUpdate());
    this.#logger.info({}, 'certificate files read again');
  }

  #toCaUpdate(): experimental.CaCertificateUpdate | null {
    const { caCertificate } = this.#current;
    return caCertificate === undefined ? null : { caCertificate };
  }

  #startWatching(): void {
    if (this.#identityListeners.size + this.#caListeners.size > 0) return;
    for (const file of this.#names()) watchFile(file, { interval: lookEveryMs, persistent: false }, this.#reload);
  }

  #stopWatching(): void {
    if (this.#identityListeners.size + this.#caListeners.size > 0) return;
    for (const file of this.#names()) unwatchFile(file, this.#reload);
  }

  #names(): string[] {
    const { certFile, keyFile, clientCaFile } = this.#files;
    return clientCaFile === undefined ? [certFile, keyFile] : [certFile, keyFile, clientCaFile];
  }
}

/** Reads the files and proves that they fit together. */
function readCertificates({ certFile, keyFile, clientCaFile }: ServerTlsFiles): Certificates {
  const certificate = readFileSync(certFile);
  const privateKey = readFileSync(keyFile);
  const caCertificate = clientCaFile === undefined ? undefined : readFileSync(clientCaFile);
  createSecureContext({ cert: certificate, key: privateKey, ...(caCertificate === undefined ? {} : { ca: caCertificate }) });
  return { certificate, privateKey, caCertificate };
}
