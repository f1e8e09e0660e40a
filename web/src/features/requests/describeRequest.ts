// How a request ended, as mark, tone and words.
import type { TextKey } from '../../i18n.ts'
import type { ListedRequest } from '../../services/api/requests.ts'

export interface RequestEnd {
  readonly tone: 'ok' | 'danger' | 'plain'
  readonly mark: string
  readonly word: TextKey
}

export function describeEnd({ status, error_code }: Pick<ListedRequest, 'status' | 'error_code'>): RequestEnd {
  if (status === 499) return { tone: 'plain', mark: '◔', word: 'requests.ends.cancelled' }
  if (status === 429) return { tone: 'danger', mark: '✕', word: 'requests.ends.rateLimited' }
  if (status >= 500) return { tone: 'danger', mark: '✕', word: 'requests.ends.failed' }
  if (status >= 400) return { tone: 'danger', mark: '✕', word: 'requests.ends.refused' }
  if (error_code !== null) return { tone: 'danger', mark: '✕', word: 'requests.ends.brokenOff' }
  return { tone: 'ok', mark: '✓', word: 'requests.ends.ok' }
}

/** The same filters as the server's, for what comes live. */
export function fitsFilters(
  request: ListedRequest,
  filters: Readonly<Record<'status' | 'payer' | 'model' | 'key' | 'api' | 'id' | 'fell' | 'provider' | 'from', string>>,
): boolean {
  const { status, payer, model, key, api, id, fell, provider, from } = filters
  const failed = request.status >= 400 || request.error_code !== null
  if (status === 'ok' && failed) return false
  if (status !== '' && status !== 'ok' && !failed) return false
  if (status === '4xx' && (request.status < 400 || request.status >= 500)) return false
  if (status === '5xx' && request.status < 500) return false
  return (
    (payer === '' || request.billed_to === payer) &&
    (model === '' || request.model === model) &&
    (key === '' || request.provider_key_id === key) &&
    (api === '' || (request.api_key_id ?? 'none') === api) &&
    (provider === '' || request.provider === provider) &&
    (from === '' || Date.parse(request.created_at) >= Date.parse(from)) &&
    (id === '' || request.id === id) &&
    (fell === '' || (request.fallback !== null && request.fallback !== 'none'))
  )
}
