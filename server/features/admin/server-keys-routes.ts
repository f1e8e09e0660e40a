// The operator's own keys for administrators: which are set, told by no more than their ends, and a free test of each.
// They are changed where they come from, in the environment.
import { providerKeyTestSchema, type ProviderKeyTest } from '../../../contract/provider-keys.ts'
import { serverKeyListSchema, serverKeyParamsSchema, type ServerKey } from '../../../contract/server-keys.ts'
import { CONTROL_BODY_CAP, type ControlRoute, defineControlRoute } from '../../http/route.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { revealSecret, type Secret } from '../../kernel/secret.ts'

const ADMIN = { credential: 'session', role: 'admin', rateClass: 'control' } as const
/** Shorter ones would tell too much of themselves. */
const SHOWS_ITS_END = 16

export interface ServerKeyOptions {
  readonly providers: {
    readonly all: readonly { readonly id: string; readonly name: string }[]
    serverKey(id: string): Secret | undefined
    hasServer(id: string): boolean
    findKeyPrefix(id: string, key: string): string
  }
  /** The variables that keys come from, by provider. */
  readonly variables: Readonly<Record<string, string>>
  readonly testKey: (input: { provider: string; key: Secret }) => Promise<{
    readonly valid: boolean
    readonly status: ProviderKeyTest['status']
    readonly latencyMs: number
    readonly models?: string[]
    readonly message: string
  }>
}

export function createServerKeyRoutes({ providers, variables, testKey }: ServerKeyOptions): ControlRoute[] {
  function describe({ id, name }: { id: string; name: string }): ServerKey {
    const key = providers.serverKey(id)
    const text = key ? revealSecret(key) : ''
    return {
      provider: id,
      name,
      variable: variables[id] ?? null,
      is_set: key !== undefined,
      serves: providers.hasServer(id),
      prefix: key ? providers.findKeyPrefix(id, text) : '',
      last4: text.length >= SHOWS_ITS_END ? text.slice(-4) : '',
    }
  }
  return [
    defineControlRoute({
      ...ADMIN,
      method: 'GET',
      path: '/admin/server-keys',
      bodyCap: 0,
      summary: "The server's own keys, masked",
      answers: { 200: { description: 'By provider', schema: serverKeyListSchema } },
      handle: async () => ({ status: 200, body: { keys: providers.all.map(describe) } }),
    }),
    defineControlRoute({
      ...ADMIN,
      method: 'POST',
      path: '/admin/server-keys/:provider/test',
      bodyCap: CONTROL_BODY_CAP,
      summary: "Test a key of the server's without charge (model list only)",
      params: serverKeyParamsSchema,
      answers: {
        200: { description: 'What the provider said', schema: providerKeyTestSchema },
        404: { description: 'The server has no key for it' },
      },
      async handle({ params: { provider } }) {
        const key = providers.serverKey(provider)
        if (!key) throw new GatewayError('not_found', { message: 'The server has no key for this provider.' })
        const { latencyMs, ...said } = await testKey({ provider, key })
        return { status: 200, body: { ...said, latency_ms: latencyMs } }
      },
    }),
  ]
}
