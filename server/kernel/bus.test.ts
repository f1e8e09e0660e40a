import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createBus } from './bus.ts'
import type { Wire } from './wire.ts'

/** A way on which everybody hears everything, the speaker too. */
function createWay() {
  const listeners: ((message: string) => void)[] = []
  const messages: string[] = []
  const wire = (): Wire => ({
    send(message) {
      messages.push(message)
      for (const listener of listeners) listener(message)
    },
    hear: (listener) => void listeners.push(listener),
    close: () => undefined,
  })
  return { wire, messages }
}

test('the others hear what changed, by its topic; oneself does not', async () => {
  const way = createWay()
  const [one, two] = [createBus([way.wire()]), createBus([way.wire()])]
  const heard: string[] = []
  one.hear('keys', () => heard.push('myself'))
  two.hear('keys', (id) => heard.push(`keys ${id}`))
  two.hear('teams', (id) => heard.push(`teams ${id}`))
  one.announce('keys', 'a')
  one.announce('others', 'b')
  await nextTurn()
  expect(heard).toEqual(['keys a'])
})

test('changes of one turn are one message, and each is said once', async () => {
  const way = createWay()
  const [one, two] = [createBus([way.wire()]), createBus([way.wire()])]
  const heard: string[] = []
  two.hear('keys', (id) => heard.push(id))
  for (const id of ['a', 'b', 'a', 'b']) one.announce('keys', id)
  await nextTurn()
  expect(heard).toEqual(['a', 'b'])
  expect(way.messages).toHaveLength(1)
})

test('many changes fit into what PostgreSQL carries at a time', async () => {
  const way = createWay()
  const [one, two] = [createBus([way.wire()]), createBus([way.wire()])]
  const heard = new Set<string>()
  two.hear('provider-keys', (id) => heard.add(id))
  for (let count = 0; count < 1_000; count++) one.announce('provider-keys', `${'0'.repeat(26)}${count}`)
  await nextTurn()
  expect(heard.size).toBe(1_000)
  for (const message of way.messages) expect(Buffer.byteLength(message)).toBeLessThan(8_000)
})

test('what is announced last is said when the bus is closed', async () => {
  const way = createWay()
  const [one, two] = [createBus([way.wire()]), createBus([way.wire()])]
  const heard: string[] = []
  two.hear('keys', (id) => heard.push(id))
  one.announce('keys', 'a')
  await one.close()
  expect(heard).toEqual(['a'])
})

test.each(['', 'no JSON', '{}', '[]', '[1]', '["x", 5, ["keys"], ["keys", 7], [["keys"], "a"]]', 'null'])(
  'what is no message of ours (%s) is none',
  (message) => {
    let say: (message: string) => void = () => undefined
    const bus = createBus([{ send() {}, hear: (listener) => (say = listener), close() {} }])
    bus.hear('keys', () => expect.fail('nothing was said'))
    expect(() => say(message)).not.toThrow()
  },
)
