// One request to the data plane with an API key, as a program sends it.
import type { Payer } from '../../../../contract/common.ts'
import { ApiError } from './send.ts'

export async function sendTestRequest(apiKey: string, model: string): Promise<{ payer: Payer | null }> {
  const response = await fetch('v1/chat/completions', {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    credentials: 'omit',
    cache: 'no-store',
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello' }] }),
  }).catch(() => {
    throw new ApiError({ status: 0, code: 'unreachable', message: 'UniRoute did not answer.' })
  })
  if (response.ok) {
    await response.arrayBuffer()
    return { payer: response.headers.get('x-uniroute-billed-to') as Payer | null }
  }
  const text = await response.text()
  throw new ApiError({
    status: response.status,
    code: 'test_request_failed',
    message: readMessage(text) ?? `The request was answered with status ${response.status}.`,
    requestId: response.headers.get('x-request-id'),
  })
}

/** Of the error envelope of OpenAI's dialect. */
function readMessage(text: string): string | null {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } }
    return typeof error?.message === 'string' ? error.message : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
