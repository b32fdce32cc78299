import { createRequire } from 'node:module';
import { Server, type ServerCredentials } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer, loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { ServerGrpc, type GrpcOptions } from '@nestjs/microservices';
import { RateLimitServiceService, rateLimitDescriptorSet } from '@tidegate/grpc';
import { formatAddress, type ListenAddress } from '@tidegate/units';
import type { HealthImplementation } from 'grpc-health-check';

/** Name of the decision service on the wire, in health and in reflection. */
export const serviceName = 'tidegate.ratelimit.v1.RateLimitService';

/** A longer message ends its stream, in bytes (limiter/P10). */
const messageBytesMax = 64 * 1_024;

/** The rpcs under the names the controller's decorators use, with the generated codecs: nothing is parsed at run time. */
const packageDefinition = {
  [serviceName]: {
    checkLimit: RateLimitServiceService.checkLimit,
    streamChecks: RateLimitServiceService.streamChecks,
  },
};

const channelOptions = {
  'grpc.max_receive_message_length': messageBytesMax,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 5_000,
};

export interface DecisionServerOptions {
  readonly address: ListenAddress;
  readonly credentials: ServerCredentials;
  readonly health: HealthImplementation;
}

/** Nest's gRPC transport with the service's generated codecs, and health and reflection beside it (limiter/P8). */
export class DecisionServer extends ServerGrpc {
  readonly #address: ListenAddress;
  readonly #credentials: ServerCredentials;
  #server: Server | undefined;
  /** The bound port; the configured one until it listens. */
  port: number;

  constructor({ address, credentials, health }: DecisionServerOptions) {
    const options: GrpcOptions['options'] = {
      package: serviceName.slice(0, serviceName.lastIndexOf('.')),
      packageDefinition,
      onLoadPackageDefinition: (_definition: unknown, server: Server) => {
        health.addToServer(server);
        const services = [serviceName, 'grpc.health.v1.Health'];
        new ReflectionService(describeServices(), { services }).addToServer(server);
      },
    };
    super(options);
    this.#address = address;
    this.#credentials = credentials;
    this.port = address.port;
  }

  /** Binds; Nest calls it and then adds the services. */
  override async createClient(): Promise<Server> {
    const server = new Server(channelOptions);
    const target = formatAddress(this.#address);
    this.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(target, this.#credentials, (error, port) => {
        if (error === null) resolve(port);
        else reject(new Error(`limiter listener ${target}: ${error.message}`, { cause: error }));
      });
    });
    this.#server = server;
    return server;
  }

  /** Ends what is answered, waits for open calls at most the given time, then cuts them. */
  async drain(timeoutMs: number): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        server.forceShutdown();
        resolve();
      }, timeoutMs);
      server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** Reflection wants descriptors: of the committed contract, and of the health service's own file. */
function describeServices(): PackageDefinition {
  const require = createRequire(import.meta.url);
  const { protoPath } = require('grpc-health-check') as { protoPath: string };
  return { ...loadFileDescriptorSetFromBuffer(Buffer.from(rateLimitDescriptorSet, 'base64')), ...loadSync(protoPath) };
}
