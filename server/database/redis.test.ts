import { pino } from 'pino'
import { afterEach, expect, test, vi } from 'vitest'
import { startLine, type Line } from '../../test/support/line.ts'
import { startRedis, type RedisServer } from '../../test/support/redis-server.ts'
import { describeRedis } from '../../test/support/redis.ts'
import { Secret } from '../kernel/secret.ts'
import { defineScript, openRedis, RedisAway, type Redis } from './redis.ts'

describeRedis('the connection to Redis', () => {
  const opened: Redis[] = []
  const servers: RedisServer[] = []
  const lines: Line[] = []

  afterEach(async () => {
    for (const redis of opened.splice(0)) redis.close()
    for (const line of lines.splice(0)) line.close()
    for (const server of servers.splice(0)) await server.kill()
  })

  async function start(args?: readonly string[]): Promise<RedisServer> {
    const server = await startRedis(args)
    servers.push(server)
    return server
  }

  async function open(url: string): Promise<{ redis: Redis; lines: { level: number; text: string }[] }> {
    const lines: { level: number; text: string }[] = []
    const log = pino({}, { write: (text) => void lines.push({ level: JSON.parse(text).level, text }) })
    const redis = await openRedis({ url: new Secret(url), log })
    opened.push(redis)
    return { redis, lines }
  }

  const untilUp = (redis: Redis) => vi.waitFor(() => expect(redis.isUp).toBe(true), 20_000)

  test('a script runs, although the server has never seen it', async () => {
    const { redis } = await open((await start()).url)
    await untilUp(redis)
    const script = defineScript(`return { KEYS[1], ARGV[1] }`)
    expect(await redis.run(script, ['one'], ['two'])).toEqual(['one', 'two'])
    expect(await redis.run(script, ['one'], ['three'])).toEqual(['one', 'three'])
  })

  test('opening waits for no server, calls are refused at once, and one that comes later is used', async () => {
    const server = await start()
    await server.kill()
    const { redis, lines } = await open(server.url)
    await expect(redis.send(['PING'])).rejects.toThrow(RedisAway)
    await vi.waitFor(() => expect(lines).toHaveLength(1), 20_000)
    await server.start()
    await untilUp(redis)
    expect(await redis.send(['PING'])).toBe('PONG')
    expect(lines.map(({ level }) => level)).toEqual([40, 30])
  })

  test('of a server that hangs one call waits, those after it do not, and one log line tells of it', async () => {
    const server = await start()
    const { redis, lines } = await open(server.url)
    await untilUp(redis)
    server.freeze()
    await expect(redis.send(['PING'])).rejects.toThrow('no answer within 100 ms')
    expect(redis.isUp).toBe(false)
    for (let calls = 0; calls < 500; calls++) await expect(redis.send(['PING'])).rejects.toThrow(RedisAway)
    expect(redis.failures).toBe(1)
    expect(lines).toHaveLength(1)
    server.thaw()
    await untilUp(redis)
    expect(await redis.send(['PING'])).toBe('PONG')
  })

  test('a connection that leads nowhere any more is replaced, that of a subscriber too', async () => {
    const server = await start()
    const line = await startLine(server.port)
    lines.push(line)
    const { redis } = await open(`redis://127.0.0.1:${line.port}`)
    const { redis: other } = await open(server.url)
    await untilUp(redis)
    await untilUp(other)
    const heard: string[] = []
    redis.subscribe('news', (message) => heard.push(message))
    await vi.waitFor(() => expect(line.connections).toBe(2), 20_000)
    line.swallow()
    await expect(redis.send(['PING'])).rejects.toThrow(RedisAway)
    await vi.waitFor(() => expect(line.connections).toBe(4), 20_000)
    await untilUp(redis)
    await vi.waitFor(async () => {
      await other.send(['PUBLISH', 'news', 'again'])
      expect(heard).toContain('again')
    }, 20_000)
  })

  test('a server that has become the follower of another is left for the one its address leads to now', async () => {
    const [first, second] = [await start(), await start()]
    const line = await startLine(first.port)
    lines.push(line)
    const { redis } = await open(`redis://127.0.0.1:${line.port}`)
    const { redis: direct } = await open(first.url)
    await untilUp(redis)
    await untilUp(direct)
    await direct.send(['REPLICAOF', '127.0.0.1', String(second.port)])
    await expect(redis.send(['SET', 'a', 'b'])).rejects.toThrow('READONLY')
    expect(redis.isUp).toBe(false)
    expect(line.connections).toBe(1)
    await vi.waitFor(() => expect(line.connections).toBeGreaterThan(1), 20_000)
    await untilUp(redis)
    await direct.send(['REPLICAOF', 'NO', 'ONE'])
    await vi.waitFor(async () => expect(await redis.send(['SET', 'a', 'b'])).toBe('OK'), 20_000)
  })

  test('a subscriber hears again after the server was away', async () => {
    const server = await start()
    const { redis } = await open(server.url)
    await untilUp(redis)
    const heard: string[] = []
    redis.subscribe('news', (message) => heard.push(message))
    const publish = (message: string) =>
      vi.waitFor(async () => {
        await redis.send(['PUBLISH', 'news', message])
        expect(heard).toContain(message)
      }, 20_000)
    await publish('one')
    await server.kill()
    await server.start()
    await publish('two')
  })

  test('a wrong password stops no start, and neither log nor error shows the right one or the wrong one', async () => {
    const server = await start(['--requirepass', 'the-right-one'])
    const { redis, lines } = await open(server.url.replace('//', '//:the-wrong-one@'))
    await vi.waitFor(() => expect(lines).toHaveLength(1), 20_000)
    const refusal = await redis.send(['PING']).catch((error: unknown) => error)
    expect(`${lines[0]!.text} ${String(refusal)}`).not.toMatch(/the-(?:right|wrong)-one/)
    const { redis: allowed } = await open(server.url.replace('//', '//:the-right-one@'))
    await untilUp(allowed)
  })

  test('an address that is none is refused without being repeated', async () => {
    const log = pino({ level: 'silent' })
    const opening = openRedis({ url: new Secret('redis://:hidden@127.0.0.1/no-number'), log })
    await expect(opening).rejects.toThrow('REDIS_URL is not an address of Redis')
    await expect(opening).rejects.not.toThrow('hidden')
  })
})
