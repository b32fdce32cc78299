import { Inject, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { createDemoServers, type DemoServers, type DemoServersOptions } from './demo-servers.js';

/** Token of the servers. */
export const DEMO_SERVERS = Symbol('demo-servers');

/** The demo services: one provider, the servers of all wanted roles. */
@Module({})
export class AppModule implements OnApplicationShutdown {
  constructor(@Inject(DEMO_SERVERS) private readonly servers: DemoServers) {}

  static create(options: DemoServersOptions): DynamicModule {
    return { module: AppModule, providers: [{ provide: DEMO_SERVERS, useFactory: () => createDemoServers(options) }] };
  }

  onApplicationShutdown(): Promise<void> {
    return this.servers.close();
  }
}
