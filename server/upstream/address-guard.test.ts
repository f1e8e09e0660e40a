// The outbound guard: no name, literal or spelling of a private address is reached.
import { createServer } from 'node:http'
import { describe, expect, test } from 'vitest'
import { checkUserBaseUrl, isPublicAddress } from './address-guard.ts'
import { requestOnce } from './request-once.ts'
import { createUpstream } from './create-upstream.ts'

describe('the address guard', () => {
  test.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1',
    'fc00::1',
    'fd12::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001:db8::1',
    '[::1]',
    'fe80::1%eth0',
    'not-an-address',
  ])('%s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })

  test.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700::1111', '2a00:1450:4001::1'])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })

  test.each([
    'http://api.example.test',
    'https://user:pw@example.test',
    'https://example.test/#x',
    'https://example.test/?a=b',
    'https://127.0.0.1/v1',
    'https://[::1]/v1',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://localhost/',
    'ftp://x',
    'nonsense',
  ])('%s cannot be stored', (text) => {
    expect(checkUserBaseUrl(text).ok).toBe(false)
  })

  test('a name that resolves to loopback is never connected to', async () => {
    let hits = 0
    const server = createServer(() => hits++)
    server.on('connection', () => hits++)
    await new Promise<void>((resolve) => server.listen(0, resolve))
    const { port } = server.address() as { port: number }
    const upstream = createUpstream()
    for (const host of ['localhost', '127.0.0.1', '[::1]']) {
      const result = await requestOnce(
        upstream,
        { origin: `https://${host}:${port}`, guarded: true, method: 'GET', path: '/', headers: [], body: null },
        { timeoutMs: 2_000, maxBytes: 1_000 },
      )
      expect(result).toMatchObject({ kind: 'unreachable', why: 'refused-address' })
    }
    expect(hits).toBe(0)
    await upstream.close()
    server.close()
  })
})
