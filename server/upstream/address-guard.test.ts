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
    // Where clouds keep the credentials of their machines.
    '168.63.129.16',
    '::ffff:168.63.129.16',
    '100.100.100.200',
    '192.0.0.192',
    'fd00:ec2::254',
    'fd20:ce::254',
    // The edges of special ranges.
    '100.127.255.255',
    '192.0.0.255',
    '198.18.0.0',
    '198.19.255.255',
    '239.255.255.255',
    '240.0.0.0',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::a9fe:a9fe',
    '1fff:ffff::1',
    '2001::1',
    '2001:1ff::1',
    '2002:a9fe:a9fe::1',
    '3fff:fff::1',
    '4000::1',
    '5f00::1',
    '9000::1',
    'c000::1',
    'fec0::1',
    'not-an-address',
  ])('%s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })

  test.each([
    '8.8.8.8',
    '1.1.1.1',
    '172.32.0.1',
    '2606:4700::1111',
    '2a00:1450:4001::1',
    '100.63.255.255',
    '100.128.0.0',
    '168.63.129.15',
    '168.63.129.17',
    '192.0.1.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2000::1',
    '2001:200::1',
    '2003::1',
    '3ffe::1',
  ])('%s is public', (address) => {
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
