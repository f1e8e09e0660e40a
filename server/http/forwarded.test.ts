// Whose address counts behind proxies, and that nobody can choose their own.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createTrustedProxies } from '../config/trusted-proxies.ts'
import { createPeerReader, isLoopback, normaliseAddress } from './forwarded.ts'

const peers = createPeerReader(createTrustedProxies(['10.0.0.0/8', 'fd00::/8', '192.0.2.7']))

describe('the client behind proxies', () => {
  test.each([
    ['no proxy', '203.0.113.5', {}, '203.0.113.5', false],
    [
      'an unknown peer that claims to be a proxy',
      '203.0.113.5',
      { 'x-forwarded-for': '1.1.1.1', 'x-forwarded-proto': 'https' },
      '203.0.113.5',
      false,
    ],
    ['one proxy', '10.0.0.1', { 'x-forwarded-for': '203.0.113.5', 'x-forwarded-proto': 'https' }, '203.0.113.5', true],
    [
      'a client that wrote a header of its own',
      '10.0.0.1',
      { 'x-forwarded-for': '1.1.1.1, 203.0.113.5' },
      '203.0.113.5',
      false,
    ],
    ['two proxies', '10.0.0.1', { 'x-forwarded-for': '203.0.113.5, 10.9.9.9' }, '203.0.113.5', false],
    ['an IPv6 client', 'fd00::1', { 'x-forwarded-for': '[2001:db8::1]:4711' }, '2001:db8::1', false],
    ['IPv4 in IPv6', '::ffff:10.0.0.1', { 'x-forwarded-for': '203.0.113.5:80' }, '203.0.113.5', false],
    ['rubbish', '10.0.0.1', { 'x-forwarded-for': 'unknown, <script>' }, '10.0.0.1', false],
    ['a proxy that says nothing', '192.0.2.7', {}, '192.0.2.7', false],
    [
      'a scheme the client wrote before the proxy',
      '10.0.0.1',
      { 'x-forwarded-proto': 'https, http' },
      '10.0.0.1',
      false,
    ],
  ])('%s', (_claim, remote, headers, ip, secure) => {
    const peer = peers.readPeer(remote, false, headers as Record<string, string>)
    expect([peer.ip, peer.secure]).toEqual([ip, secure])
  })

  test('without TRUST_PROXY no header moves the address', () => {
    const strict = createPeerReader(createTrustedProxies([]))
    fc.assert(
      fc.property(fc.ipV4(), fc.string(), fc.string(), (ip, forwarded, proto) => {
        const peer = strict.readPeer(ip, false, { 'x-forwarded-for': forwarded, 'x-forwarded-proto': proto })
        expect([peer.ip, peer.secure]).toEqual([ip, false])
      }),
    )
  })

  test('local is this machine itself, never somebody a proxy on it speaks for', () => {
    const strict = createPeerReader(createTrustedProxies([]))
    expect(strict.readPeer('127.0.0.1', false, {}).local).toBe(true)
    expect(strict.readPeer('::1', false, {}).local).toBe(true)
    expect(strict.readPeer('::ffff:127.0.0.1', false, {}).local).toBe(true)
    expect(strict.readPeer('203.0.113.5', false, {}).local).toBe(false)
    for (const name of ['x-forwarded-for', 'forwarded', 'via']) {
      expect(strict.readPeer('127.0.0.1', false, { [name]: '127.0.0.1' }).local).toBe(false)
      expect(
        createPeerReader(createTrustedProxies(['127.0.0.1'])).readPeer('127.0.0.1', false, { [name]: '127.0.0.1' })
          .local,
      ).toBe(false)
    }
  })
})

test('a prefix of many slashes costs no more than its length', () => {
  const prefixOf = (header: string): string =>
    peers.readPeer('10.0.0.1', false, { 'x-forwarded-prefix': header }).prefix
  expect(prefixOf(`${'/'.repeat(1_000_000)}x`)).toBe('')
  expect(prefixOf(`/a/b${'/'.repeat(1_000_000)}`)).toBe('/a/b')
})

test('addresses are brought to one form', () => {
  expect(normaliseAddress('::ffff:1.2.3.4')).toBe('1.2.3.4')
  expect(normaliseAddress('fe80::1%eth0')).toBe('fe80::1')
  expect(isLoopback('127.9.9.9')).toBe(true)
  expect(isLoopback('not an address')).toBe(false)
})
