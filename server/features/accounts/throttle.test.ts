import { describe, expect, test } from 'vitest'
import { createThrottle, networkOf } from './throttle.ts'

function open(max?: number) {
  let at = 0
  const clock = { now: () => at, monotonic: () => at }
  const throttle = createThrottle({ clock, ...(max === undefined ? {} : { max }) })
  return { throttle, advance: (ms: number) => void (at += ms) }
}
const stranger = async () => false
const known = async () => true

async function countUntilRefused(attempt: () => unknown, most = 1000): Promise<{ admitted: number; error: any }> {
  for (let admitted = 0; admitted < most; admitted++) {
    try {
      await attempt()
    } catch (error) {
      return { admitted, error }
    }
  }
  throw new Error('never refused')
}

describe('the throttle of sign-in', () => {
  test('guessing one account from one address ends soon, with the wait that suffices', async () => {
    const { throttle, advance } = open()
    const guess = () => throttle.countSignIn('a@x.org', '192.0.2.1', stranger)
    const { admitted, error } = await countUntilRefused(guess)
    expect(admitted).toBe(10)
    expect(error).toMatchObject({ code: 'too_many_attempts', status: 429 })
    advance(error.retryAfter * 1000 - 1000)
    await expect(guess()).rejects.toMatchObject({ code: 'too_many_attempts' })
    advance(1000)
    await guess()
    await throttle.countSignIn('a@x.org', '192.0.2.2', stranger)
  })

  test('guessing many accounts from one address ends too', async () => {
    const { throttle } = open()
    let i = 0
    const { admitted } = await countUntilRefused(() => throttle.countSignIn(`u${i++}@x.org`, '192.0.2.1', stranger))
    expect(admitted).toBe(60)
  })

  test('guessing one account from a thousand addresses ends, and the owner still gets in from a known one', async () => {
    const { throttle, advance } = open()
    await throttle.countSignIn('a@x.org', '198.51.100.7', stranger)
    throttle.settleSignIn('a@x.org', '198.51.100.7')
    let i = 0
    const guess = () => throttle.countSignIn('a@x.org', `10.0.${i >> 8}.${i++ & 255}`, stranger)
    expect((await countUntilRefused(guess)).admitted).toBeGreaterThan(50)
    for (let round = 0; round < 50; round++) {
      advance(60_000)
      await countUntilRefused(guess)
      await throttle.countSignIn('a@x.org', '198.51.100.7', stranger)
      await throttle.countSignIn('a@x.org', '198.51.100.8', known)
      throttle.settleSignIn('a@x.org', '198.51.100.7')
      throttle.settleSignIn('a@x.org', '198.51.100.8')
    }
  })

  test('a person who mistypes, then gets it right, starts anew', async () => {
    const { throttle } = open()
    for (let i = 0; i < 5; i++) {
      for (let j = 0; j < 9; j++) await throttle.countSignIn('a@x.org', '192.0.2.1', stranger)
      throttle.settleSignIn('a@x.org', '192.0.2.1')
    }
  })

  test('a whole class behind one address signs in', async () => {
    const { throttle } = open()
    for (let i = 0; i < 300; i++) {
      await throttle.countSignIn(`u${i}@x.org`, '192.0.2.1', stranger)
      throttle.settleSignIn(`u${i}@x.org`, '192.0.2.1')
    }
  })

  test('parallel attempts gain nothing', async () => {
    const { throttle } = open()
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, () => throttle.countSignIn('a@x.org', '192.0.2.1', stranger)),
    )
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(10)
  })
})

describe('the other throttles', () => {
  test('registration and reset are slowed per address, not for everybody', async () => {
    const { throttle } = open()
    await countUntilRefused(() => throttle.countRegister('192.0.2.1'))
    await countUntilRefused(() => throttle.countReset('192.0.2.1'))
    throttle.countRegister('192.0.2.2')
    throttle.countReset('192.0.2.2')
  })

  test('memory stays bounded under a flood of addresses', async () => {
    const { throttle } = open(1000)
    for (let i = 0; i < 20_000; i++) throttle.countRegister(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
    expect(throttle.size).toBeLessThanOrEqual(1001)
  })

  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:0DB8:0001:0002::9', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['::1', '0:0:0:0'],
  ])('%s is counted as %s', (ip, network) => {
    expect(networkOf(ip)).toBe(network)
  })
})
