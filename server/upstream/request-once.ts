// One question with a whole answer: key tests, model lists, files by address. Bounded in time and size.
import type { Upstream, UpstreamHeaders, UpstreamRequest } from './upstream.ts'
import type { UpstreamFailure } from './upstream.ts'

export type OnceResult =
  | { kind: 'answer'; status: number; headers: UpstreamHeaders; body: Buffer; latencyMs: number }
  | { kind: 'unreachable'; why: 'timeout' | 'too-large' | 'aborted' | UpstreamFailure['kind']; latencyMs: number }

export function requestOnce(
  upstream: Upstream,
  request: UpstreamRequest,
  limits: { timeoutMs: number; maxBytes: number; signal?: AbortSignal },
): Promise<OnceResult> {
  const startedAt = performance.now()
  const latencyMs = (): number => Math.round(performance.now() - startedAt)
  return new Promise((resolve) => {
    let status = 0
    let headers: UpstreamHeaders = {}
    let size = 0
    const chunks: Buffer[] = []
    const finish = (result: OnceResult): void => {
      clearTimeout(timer)
      limits.signal?.removeEventListener('abort', onAbort)
      resolve(result)
    }
    const giveUp = (why: 'timeout' | 'too-large' | 'aborted'): void => {
      call.abort()
      finish({ kind: 'unreachable', why, latencyMs: latencyMs() })
    }
    const onAbort = (): void => giveUp('aborted')
    const timer = setTimeout(() => giveUp('timeout'), limits.timeoutMs)
    const call = upstream.send(request, {
      head(code, fields) {
        status = code
        headers = fields
      },
      data(chunk) {
        size += chunk.length
        if (size > limits.maxBytes) giveUp('too-large')
        else chunks.push(chunk)
      },
      end: () => finish({ kind: 'answer', status, headers, body: Buffer.concat(chunks), latencyMs: latencyMs() }),
      failed: (failure) => finish({ kind: 'unreachable', why: failure.kind, latencyMs: latencyMs() }),
    })
    if (limits.signal?.aborted) onAbort()
    else limits.signal?.addEventListener('abort', onAbort)
  })
}
