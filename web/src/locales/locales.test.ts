// A text has one name and a name one text: of two entries of the same name, one would stand where the other is meant.
import { expect, test } from 'vitest'
import { createI18n, type LocaleMessages, type VueMessageType } from 'vue-i18n'
import { compileMessages } from '../../compile-messages.ts'
import source from './en.json?raw'

const countNames = (texts: object): number =>
  Object.values(texts).reduce<number>(
    (sum, one) => sum + 1 + (typeof one === 'object' ? countNames(one as object) : 0),
    0,
  )

test('no name stands twice in the file of texts', () => {
  const written = source.match(/"(?:[^"\\]|\\.)*"\s*:/g)
  expect(written).toHaveLength(countNames(JSON.parse(source) as object))
})

/** What a file of texts says once it is built. */
async function sayWith(texts: Record<string, string>, name: string, values: Record<string, unknown>, count?: number) {
  const compiled = compileMessages() as unknown as { transform(source: string, id: string): { code: string } }
  const { code } = compiled.transform(JSON.stringify(texts), '/locales/xx.json')
  const built = (await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(code)}`)) as {
    default: LocaleMessages<VueMessageType>
  }
  const { t } = createI18n({ legacy: false, locale: 'xx', messages: { xx: built.default } }).global
  return count === undefined ? t(name, values) : t(name, values, count)
}

test('a text says what it is given, in the form for the number; what is not understood ends the build', async () => {
  const texts = {
    plain: 'Say it.',
    one: '{a} and ({b}), {a}',
    several: 'No key | One key of {who} | {count} keys of {who}',
  }
  expect(await sayWith(texts, 'plain', {})).toBe('Say it.')
  expect(await sayWith(texts, 'one', { a: 'x', b: '_normalize(' })).toBe('x and (_normalize(), x')
  for (const [count, says] of [
    [0, 'No key'],
    [1, 'One key of Mina'],
    [7, '7 keys of Mina'],
  ] as const)
    expect(await sayWith(texts, 'several', { who: 'Mina' }, count)).toBe(says)
  await expect(sayWith({ linked: '@:other' }, 'linked', {})).rejects.toThrow('linked')
  await expect(sayWith({ open: '{a' }, 'open', {})).rejects.toThrow('open')
})
