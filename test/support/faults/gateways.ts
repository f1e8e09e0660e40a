// What the runs of the table of failures are made with: a server of their own, callers, and questions.
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import type { FakeProvider } from '../../fake-provider/fake-provider.ts'
import { CHAT_DIALECTS } from '../dialects.ts'
import { startInProcess, type InProcessApp, type InProcessOptions } from '../in-process-app.ts'
import type { Caller, Reply, UniRouteClient } from '../uniroute-client.ts'
import { startUniRoute, type UniRoute, type UniRouteOptions } from '../uniroute-process.ts'
import type { Finding } from './fault-case.ts'

export const CHAT = CHAT_DIALECTS[0]!
export const MESSAGES = CHAT_DIALECTS[2]!

/** A real process; at the end it must go as it should, and leave no secret anywhere. */
export async function useUniRoute(
  stack: AsyncDisposableStack,
  finding: Finding,
  options: UniRouteOptions,
): Promise<UniRoute> {
  const uniroute = await startUniRoute({ ...options, env: { LOG_LEVEL: 'warn', ...options.env } })
  stack.defer(async () => {
    await uniroute.stop()
    const leaks = uniroute.scanAndRemove()
    finding.expect(leaks.length === 0, `secrets stand in ${JSON.stringify(leaks.slice(0, 3))}`)
  })
  return uniroute
}

/** With short timers: nobody waits ten minutes for a provider that hangs. */
export async function useInProcess(stack: AsyncDisposableStack, options: InProcessOptions): Promise<InProcessApp> {
  const app = await startInProcess(options)
  stack.defer(() => app.close())
  return app
}

export async function useFake(stack: AsyncDisposableStack): Promise<FakeProvider> {
  const { startFakeProvider } = await import('../../fake-provider/fake-provider.ts')
  const fake = await startFakeProvider({ keepBodies: false })
  stack.defer(() => fake.close())
  return fake
}

export const createOpenaiCaller = (client: UniRouteClient, scenario = 'ok'): Promise<Caller> =>
  client.createCaller({ keys: { openai: createFakeKey('openai', scenario) }, accountFallback: 'never' })

export async function askChat(
  client: UniRouteClient,
  apiKey: string,
  { model = CHAT.model, text = 'hello', stream = false } = {},
): Promise<Reply & { ms: number }> {
  const from = performance.now()
  const reply = await client.call('POST', CHAT.path(model, stream), {
    headers: CHAT.auth(apiKey),
    body: CHAT.body(text, model, stream),
  })
  return { ...reply, ms: performance.now() - from }
}

/** Requests of that caller in the usage figures, once they say so many or the wait is over. */
export async function countRequests(client: UniRouteClient, token: string, wanted: number): Promise<number> {
  let count = 0
  for (let tries = 0; tries < 200; tries++) {
    const { status, body } = await client.call('GET', '/admin/usage', { token })
    if (status === 200) count = body.total.requests
    if (count >= wanted) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return count
}
