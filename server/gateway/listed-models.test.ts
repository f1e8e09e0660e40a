// The list of models leaves a body that is otherwise as it was sent, wherever it stands and however it is spelled.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GatewayError } from '../kernel/errors.ts'
import { scanJsonObject } from '../kernel/json-scan.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import { scannedKeys, takeListedModels } from './listed-models.ts'

const PROTOCOL = PROTOCOLS['openai-chat']

function take(text: string, headers: Record<string, string> = {}, modelIn: 'body' | 'path' = 'body', chunk = 7) {
  const bytes = Buffer.from(text)
  const body = Array.from({ length: Math.ceil(bytes.length / chunk) }, (_, at) =>
    bytes.subarray(at * chunk, (at + 1) * chunk),
  )
  const scan = scanJsonObject(body, scannedKeys(PROTOCOL))
  expect(scan.complete).toBe(true)
  const taken = takeListedModels(PROTOCOL, { modelIn }, headers, { body, bodyLength: bytes.length, scan })
  const sent = Buffer.concat(taken.body)
  expect(taken.bodyLength).toBe(sent.length)
  return { names: taken.names, text: sent.toString(), taken }
}

const space = fc.stringMatching(/^[ \n\r\t]{0,3}$/)
const value = fc.jsonValue({ maxDepth: 2 }).map((one) => JSON.stringify(one))
const key = fc.string({ maxLength: 8 }).filter((name) => !scannedKeys(PROTOCOL).has(name))
const spelled = fc.constantFrom('"models"', '"mod\\u0065ls"', '"\\u006dodels"')
const names = fc.array(fc.stringMatching(/^[a-z0-9/.\-"\\]{1,12}$/), { minLength: 1, maxLength: 10 })

describe('a list in the body', () => {
  test('goes, and every other byte stays', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(key, value, space, space), { maxLength: 4 }),
        fc.nat(4),
        spelled,
        names,
        space,
        fc.boolean(),
        (others, place, spelling, list, gap, hasModel) => {
          const members = others.map(([name, text, a, b]) => `${a}${JSON.stringify(name)}${b}:${a}${text}${b}`)
          if (hasModel) members.splice(0, 0, `${gap}"model":"first"`)
          const at = Math.min(place, members.length)
          const withList = members.toSpliced(at, 0, `${gap}${spelling}${gap}:${gap}${JSON.stringify(list)}${gap}`)
          const { names: found, text, taken } = take(`{${withList.join(',')}}`)
          expect(found).toEqual(list)
          const { models: _gone, ...rest } = JSON.parse(`{${withList.join(',')}}`)
          expect(JSON.parse(text)).toEqual(hasModel ? rest : { ...rest, model: list[0] })
          expect(taken.scan.complete).toBe(true)
          expect(taken.scan.values.has('models')).toBe(false)
          expect(taken.scan.values.has('model')).toBe(true)
          for (const member of members) expect(text).toContain(member.trim())
        },
      ),
    )
  })
})

describe('a list in the header', () => {
  test('leaves the body alone, but for a model that is missing there', () => {
    const headers = { 'x-uniroute-models': 'a, b/c ,d' }
    const { names: found, taken } = take('{"model":"x"}', headers)
    expect([found, Buffer.concat(taken.body).toString()]).toEqual([['a', 'b/c', 'd'], '{"model":"x"}'])
    expect(take('{"stream":true}', headers).text).toBe('{"model":"a","stream":true}')
    expect(take(' { }', headers).text).toBe(' {"model":"a" }')
    // Where the address names the model, `models` is a field like any other.
    expect(take('{"models":1}', headers, 'path').text).toBe('{"models":1}')
  })
})

test('without a list nothing is done', () => {
  const { names: found, taken } = take('{"model":"x"}')
  expect(found).toEqual([])
  expect(take('{"models":["y"]}', {}, 'path').names).toEqual([])
  expect(taken.body.length).toBe(2)
})

test.each(['{"models":{}}', '{"models":[]}', '{"models":[""]}', '{"models":[1]}', '{"models":null}'])(
  '%s is refused in words that show how it is done',
  (text) => {
    expect(() => take(text)).toThrow(GatewayError)
  },
)
