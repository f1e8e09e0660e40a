// What one free call shows of a key: which of its states the provider's answer speaks of. The sentences are ours; a
// provider's own text may quote the key.
import type { Secret } from '../../kernel/secret.ts'
import { PROTOCOLS } from '../../protocols/registry.ts'
import { judgeRefusal, type Provider, type Verdict } from '../../providers/provider.ts'
import type { Providers } from '../../providers/registry.ts'
import { readModelEntries, requestModelList } from '../../upstream/model-list.ts'
import type { Upstream } from '../../upstream/upstream.ts'

export interface KeyTestResult {
  /** The answer proves that the provider accepted the key. */
  readonly valid: boolean
  readonly status: 'active' | 'invalid' | 'restricted' | 'exhausted' | 'cooling' | 'unreachable'
  readonly latencyMs: number
  readonly models?: string[]
  readonly message: string
}

/** Never charges the key: the provider's model list only. */
export async function testProviderKey(
  tools: { upstream: Upstream; providers: Providers },
  input: { provider: string; baseUrl: string | null; key: Secret },
): Promise<KeyTestResult> {
  const provider = input.baseUrl ? tools.providers.atBaseUrl(input.baseUrl) : tools.providers.get(input.provider)
  if (!provider) throw new Error('a key test needs a known provider')
  const { name } = provider
  const result = await requestModelList(tools.upstream, provider, input.baseUrl !== null, input.key)
  const { latencyMs } = result
  const unreachable = (message: string): KeyTestResult => ({ valid: false, status: 'unreachable', latencyMs, message })
  if (result.kind === 'unreachable') {
    if (result.why === 'refused-address') return unreachable(`${name} resolves to an address that is not public.`)
    return unreachable(`${name} could not be reached. Try again, or save the key untested.`)
  }
  const text = result.body.toString('utf8')
  if (result.status === 200) {
    const entries = readModelEntries(text)
    if (!entries) return unreachable(`${name} sent an answer that is no model list.`)
    const message = `${name} accepted the key. Credit cannot be seen by a free test.`
    return { valid: true, status: 'active', latencyMs, models: entries.map(({ id }) => id), message }
  }
  const verdict = judgeTest(provider, result.status, text)
  const finding = FINDINGS[verdict]
  if (!finding) return unreachable(`${name} answered with status ${result.status}. Try again later.`)
  return { valid: false, status: finding.status, latencyMs, message: `${name} ${finding.says}` }
}

function judgeTest(provider: Provider, status: number, text: string): Verdict {
  const dialect = PROTOCOLS[[...provider.dialects][0]!]
  return judgeRefusal(provider, status, dialect.decodeError(status, text))
}

/** None of them is a pass: many servers look at rate and address before they look at the key. */
interface Finding {
  readonly status: KeyTestResult['status']
  readonly says: string
}

const RESTRICTED: Finding = {
  status: 'restricted',
  says: 'does not let this key list models, so the test could not show whether it works.',
}

const FINDINGS: Partial<Record<Verdict, Finding>> = {
  invalid: {
    status: 'invalid',
    says: 'rejected this key. It may have been deleted; create a new one there.',
  },
  exhausted: {
    status: 'exhausted',
    says: 'knows this key, but its account has no credit or quota left.',
  },
  cooling: {
    status: 'cooling',
    says: 'limits the rate just now, so the key could not be tested. Try again in a minute.',
  },
  restricted: RESTRICTED,
  forbidden: RESTRICTED,
  unfit: RESTRICTED,
}
