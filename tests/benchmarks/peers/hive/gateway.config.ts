import { defineConfig } from '@graphql-hive/gateway'

export const gatewayConfig = defineConfig({ logging: 'error', graphiql: false, landingPage: false } as any)
