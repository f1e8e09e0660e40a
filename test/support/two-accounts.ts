// A person with two keys of a provider, and which of them is switched on: for tests of what happens when a conversation
// goes on with another account.
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import type { FakeProvider, RecordedRequest } from '../fake-provider/fake-provider.ts'
import type { Caller, Json, Reply, UniRouteClient } from './uniroute-client.ts'

export type VendorKeys = 'openai' | 'anthropic' | 'google'

export interface TwoAccounts {
  readonly caller: Caller
  /** Secrets, first and second in order, by vendor. */
  readonly keys: Readonly<Record<VendorKeys, readonly [string, string]>>
  /** Switches the first or the second key of a vendor on or off. */
  turn(vendor: VendorKeys, which: 0 | 1, on: boolean): Promise<void>
  ask(path: string, body: Json, headers?: Readonly<Record<string, string>>): Promise<Reply>
  /** The last request that reached the provider. */
  last(): RecordedRequest
}

export async function createTwoAccounts(uniroute: UniRouteClient, fake: FakeProvider): Promise<TwoAccounts> {
  const two = (vendor: VendorKeys): readonly [string, string] => [createFakeKey(vendor), createFakeKey(vendor)]
  const keys = { openai: two('openai'), anthropic: two('anthropic'), google: two('google') }
  const caller = await uniroute.createCaller({ keys })
  const { token, apiKey, providerKeyIds } = caller
  return {
    caller,
    keys,
    async turn(vendor, which, on) {
      const id = providerKeyIds[vendor]![which]!
      const listed = await uniroute.call('GET', '/admin/provider-keys', { token })
      const { version } = listed.body.keys.find((key: Json) => key.id === id)
      const body = { is_active: on, version }
      const reply = await uniroute.call('PATCH', `/admin/provider-keys/${id}`, { token, body })
      if (reply.status !== 200) throw new Error(`${id} was not switched: ${reply.text}`)
    },
    ask: (path, body, headers = {}) =>
      uniroute.call('POST', path, { headers: { authorization: `Bearer ${apiKey}`, ...headers }, body }),
    last: () => fake.requests.findLast(({ method }) => method === 'POST')!,
  }
}
