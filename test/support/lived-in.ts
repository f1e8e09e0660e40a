// An installation that has been lived in: keys that work and one that does not, API keys with limits, a team with a
// shared key, requests that were served, fell back and were refused. For tests that look at every page.
import type { FakeProvider } from '../fake-provider/fake-provider.ts'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import type { UniRoute } from './uniroute-process.ts'

/** What people and vendors call things here: words that no text of the dashboard has. */
export const LIVED_IN_NAMES = [
  'Work account',
  'Personal',
  'Side project',
  'billing-bot',
  'notebook',
  'Data team',
] as const

export async function liveIn(uniroute: UniRoute, fake: FakeProvider): Promise<void> {
  const [work, personal, side, bot, notebook, team] = LIVED_IN_NAMES
  const token = await uniroute.login()
  const dying = createFakeKey('google', 'ok')
  await uniroute.addProviderKey(token, 'openai', createFakeKey('openai', 'ok'), { label: work })
  await uniroute.addProviderKey(token, 'openai', createFakeKey('openai', 'ratelimit'), {
    label: side,
    expires_at: new Date(Date.now() + 9 * 86_400_000).toISOString(),
    cap: { usd: 20, period: 'month' },
  })
  await uniroute.addProviderKey(token, 'google', dying, { label: personal })
  const { key } = await uniroute.createApiKey(token, {
    name: bot,
    rate_limit_per_day: 50,
    budget: { usd: 5, period: 'month' },
    allowed_models: ['gpt-4o*', 'gemini-3.5-flash'],
  })
  await uniroute.createApiKey(token, { name: notebook })

  const member = await uniroute.createCaller({ keys: { anthropic: createFakeKey('anthropic', 'ok') } })
  const made = (await uniroute.call('POST', '/admin/teams', { token, body: { name: team } })).body
  const invite = (await uniroute.call('POST', `/admin/teams/${made.id}/invites`, { token, body: {} })).body
  await uniroute.call('POST', '/admin/teams/join', { token: member.token, body: { code: invite.code } })
  await uniroute.call('POST', `/admin/teams/${made.id}/invites`, { token, body: {} })
  for (const [owner, provider] of [
    [token, 'openai'],
    [member.token, 'anthropic'],
  ] as const) {
    await uniroute.call('POST', '/admin/leases', {
      token: owner,
      body: { provider_key: provider, team_id: made.id, cap: { usd: 10, period: 'month' } },
    })
  }

  const ask = async (model: string): Promise<void> => {
    const body = { model, messages: [{ role: 'user', content: 'Say hello' }] }
    const { headers } = await uniroute.call('POST', '/v1/chat/completions', { token: key, body })
    await uniroute.readReceipt(key, headers.get('x-request-id')!)
  }
  for (const model of ['gpt-4o-mini', 'gpt-4o', 'gpt-4o-mini', 'gemini-3.5-flash']) await ask(model)
  fake.behave(dying, () => 'invalid')
  for (const model of ['gemini-3.5-flash', 'gemini-3.5-flash', 'claude-sonnet-5']) await ask(model)
}
