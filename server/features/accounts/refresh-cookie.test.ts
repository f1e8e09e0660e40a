import { describe, expect, test } from 'vitest'
import { clearRefreshCookie, readRefreshCookie, writeRefreshCookie } from './refresh-cookie.ts'

describe('the refresh cookie', () => {
  test('over https it is bound to host and scheme; over http it has another name and no Secure', () => {
    expect(writeRefreshCookie('v', true, 60)).toBe(
      '__Host-uniroute_refresh=v; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure',
    )
    expect(writeRefreshCookie('v', false, 60)).toBe('uniroute_refresh=v; Path=/; Max-Age=60; HttpOnly; SameSite=Strict')
    expect(clearRefreshCookie(true)).toContain('Max-Age=0')
  })

  test('it is found among others, and a cookie of the other scheme never counts', () => {
    const cookie = 'theme=dark; uniroute_refresh=plain; __Host-uniroute_refresh=safe; x_uniroute_refresh=no'
    expect(readRefreshCookie({ cookie }, true)).toBe('safe')
    expect(readRefreshCookie({ cookie }, false)).toBe('plain')
    expect(readRefreshCookie({ cookie: 'uniroute_refresh=plain' }, true)).toBeUndefined()
    expect(readRefreshCookie({}, false)).toBeUndefined()
    expect(readRefreshCookie({ cookie: 'uniroute_refresh=' }, false)).toBeUndefined()
  })

  test('of two cookies with the name neither is believed', () => {
    expect(readRefreshCookie({ cookie: 'uniroute_refresh=a; uniroute_refresh=b' }, false)).toBeUndefined()
  })
})
