// Running answers of callers who are no longer let in.
import { describe, expect, test } from 'vitest'
import { GatewayError } from '../kernel/errors.ts'
import { Secret } from '../kernel/secret.ts'
import { createRevocation } from './revocation.ts'

function start() {
  const refused = new Set<string>()
  const asked: string[] = []
  let away = false
  const revocation = createRevocation({
    authenticate: async (key) => {
      asked.push(key)
      if (away) throw new GatewayError('storage_unavailable')
      if (key === 'hangs') return new Promise(() => {})
      if (refused.has(key)) throw new GatewayError('invalid_api_key', { message: 'revoked' })
      return {}
    },
    intervalMs: 5,
  })
  const cuts: string[] = []
  const watch = (key: string, name = key) =>
    revocation.watch(new Secret(key), (error) => {
      cuts.push(`${name} ${error.code} ${error.publicMessage}`)
      return true
    })
  return { revocation, refused, asked, cuts, watch, goAway: (value: boolean) => (away = value) }
}

describe('createRevocation', () => {
  test('cuts every running answer of a key that is refused, once, and no other', async () => {
    const { revocation, refused, cuts, watch } = start()
    watch('a', 'a1')
    watch('a', 'a2')
    const leaveB = watch('b')
    await revocation.sweep()
    expect(cuts).toEqual([])
    refused.add('a')
    await Promise.all([revocation.sweep(), revocation.sweep()])
    await revocation.sweep()
    expect(cuts).toEqual(['a1 invalid_api_key revoked', 'a2 invalid_api_key revoked'])
    expect(revocation.size).toBe(1)
    leaveB()
    expect(revocation.size).toBe(0)
  })

  test('the timer sweeps by itself while something runs', async () => {
    const { revocation, refused } = start()
    refused.add('a')
    const { promise, resolve } = Promise.withResolvers<GatewayError>()
    revocation.watch(new Secret('a'), (error) => {
      resolve(error)
      return true
    })
    expect((await promise).code).toBe('invalid_api_key')
  })

  test('what has nothing to cut at that moment is cut as soon as it has', async () => {
    const { revocation, refused } = start()
    const asked: boolean[] = []
    let isUnderWay = false
    refused.add('a')
    revocation.watch(new Secret('a'), () => {
      asked.push(isUnderWay)
      return isUnderWay
    })
    await revocation.sweep()
    expect(revocation.size).toBe(1)
    isUnderWay = true
    await revocation.sweep()
    await revocation.sweep()
    expect(asked.filter(Boolean)).toEqual([true])
    expect(revocation.size).toBe(0)
  })

  test('a database that is away cuts nothing, and a revocation shows once it is back', async () => {
    const { revocation, refused, cuts, watch, goAway } = start()
    watch('a')
    refused.add('a')
    goAway(true)
    await revocation.sweep()
    expect(cuts).toEqual([])
    goAway(false)
    await revocation.sweep()
    expect(cuts).toHaveLength(1)
  })

  test('an answer that ended is not cut, even if its check was under way', async () => {
    const { revocation, refused, cuts, watch } = start()
    refused.add('a')
    const leave = watch('a')
    const sweeping = revocation.sweep()
    leave()
    await sweeping
    expect(cuts).toEqual([])
  })

  test("a check that hangs is made once and holds up no other key's", async () => {
    const { revocation, refused, asked, cuts, watch } = start()
    watch('hangs')
    watch('a')
    void revocation.sweep()
    refused.add('a')
    void revocation.sweep()
    await new Promise((resolve) => setImmediate(resolve))
    await revocation.sweep()
    expect(cuts).toEqual(['a invalid_api_key revoked'])
    expect(asked.filter((key) => key === 'hangs')).toHaveLength(1)
    revocation.stop()
  })
})
