// A request that acts by cookie alone comes from our own pages, or from a program that says nothing.
import { describe, expect, test } from 'vitest'
import { checkOrigin } from './origin.ts'

const OURS = 'https://ai.example.com'
const REFUSED = {
  code: 'forbidden',
  publicMessage:
    'This request comes from another site. Open UniRoute at its own address, or set PUBLIC_URL to that address.',
}

function passes(headers: Record<string, string>, publicUrl = OURS): boolean {
  try {
    checkOrigin(headers, publicUrl)
    return true
  } catch (error) {
    expect(error).toMatchObject(REFUSED)
    return false
  }
}

describe('where a request comes from', () => {
  test.each([
    ['nothing said', {}, true],
    ['our own page', { 'sec-fetch-site': 'same-origin', origin: OURS }, true],
    ['the address bar', { 'sec-fetch-site': 'none' }, true],
    ['a page of a sister domain', { 'sec-fetch-site': 'same-site' }, false],
    ['another site', { 'sec-fetch-site': 'cross-site' }, false],
    ['our origin, but another site', { 'sec-fetch-site': 'cross-site', origin: OURS }, false],
    [
      'another origin, though the site is said to be ours',
      { 'sec-fetch-site': 'same-origin', origin: 'https://x.example' },
      false,
    ],
    ['our origin with its port', { origin: `${OURS}:443` }, true],
    ['another port', { origin: `${OURS}:8443` }, false],
    ['another scheme', { origin: 'http://ai.example.com' }, false],
    ['an opaque origin', { origin: 'null' }, false],
    ['no origin at all', { origin: '' }, false],
  ])('%s', (_where, headers, wanted) => {
    expect(passes(headers as unknown as Record<string, string>)).toBe(wanted)
  })

  test.each([
    ['http://localhost:8084', 'http://127.0.0.1:8084', true],
    ['http://127.0.0.1:8084', 'http://[::1]:8084', true],
    ['http://[::1]:8084', 'http://localhost:8084', true],
    ['http://localhost:8085', 'http://127.0.0.1:8084', false],
    ['https://localhost:8084', 'http://127.0.0.1:8084', false],
    ['http://localhost:8084', 'http://ai.example.com:8084', false],
    ['http://ai.example.com:8084', 'http://localhost:8084', false],
  ])('%s at %s', (origin, publicUrl, wanted) => {
    expect(passes({ origin }, publicUrl)).toBe(wanted)
  })
})
