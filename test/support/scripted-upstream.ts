// A provider whose answers a test writes byte by byte: endless, slow, torn. One handler at a time.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Play = (response: ServerResponse, request: IncomingMessage) => void | Promise<void>

export interface ScriptedUpstream {
  readonly url: string
  /** The three vendors at this address. */
  readonly env: Readonly<Record<string, string>>
  play: Play
  close(): Promise<void>
}

/** With `emptyModelLists`, GETs are not played: the gateway asks for models in its own time, also in mid-test. */
export async function startScriptedUpstream(options: { emptyModelLists?: boolean } = {}): Promise<ScriptedUpstream> {
  const failures: unknown[] = []
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (options.emptyModelLists && request.method === 'GET') {
        return void response.writeHead(200, { 'content-type': 'application/json' }).end('{"data":[],"models":[]}')
      }
      Promise.resolve(upstream.play(response, request)).catch((error: unknown) => failures.push(error))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const upstream: ScriptedUpstream = {
    url,
    env: { OPENAI_BASE_URL: url, ANTHROPIC_BASE_URL: url, GOOGLE_BASE_URL: url },
    play: (response) => void response.writeHead(500).end(),
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
      if (failures.length > 0) throw new AggregateError(failures, 'a scripted answer failed')
    },
  }
  return upstream
}

/** Writes the same bytes again and again, as fast as they are taken; answers how many were. */
export async function pour(response: ServerResponse, chunk: Buffer, total: number): Promise<number> {
  let written = 0
  while (written < total && !response.destroyed) {
    written += chunk.length
    if (response.write(chunk)) continue
    const closed = new AbortController()
    await Promise.race([
      once(response, 'drain', { signal: closed.signal }).catch(ignoreAbort),
      once(response, 'close', { signal: closed.signal }).catch(ignoreAbort),
    ])
    closed.abort()
  }
  return written
}

function ignoreAbort(error: unknown): void {
  if (error instanceof Error && error.name !== 'AbortError' && !('code' in error)) throw error
}
