// What the documents point to is there: files, headings, npm scripts, commands of `uniroute`; and JSON that is shown is
// JSON.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { marked, type Token } from 'marked'
import { describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const FILES = globSync(['*.md', 'docs/**/*.md', 'deploy/**/*.md'], { cwd: ROOT }).toSorted()
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
const COMMANDS = [...read('server/cli.ts').matchAll(/^ {2}(?:'([a-z -]+)'|([a-z]+)): \{$/gm)].map(
  (found) => found[1] ?? found[2],
)

function tokensOf(file: string): Token[] {
  const all: Token[] = []
  marked.walkTokens(marked.lexer(read(file)), (token) => void all.push(token))
  return all
}

/** As GitHub makes them of headings. */
function anchorsOf(file: string): string[] {
  return tokensOf(file).flatMap((token) =>
    token.type === 'heading'
      ? [
          String(token['text'])
            .replaceAll('`', '')
            .toLowerCase()
            .replace(/[^\p{L}\p{N} _-]/gu, '')
            .replaceAll(' ', '-'),
        ]
      : [],
  )
}

function findBrokenLinks(file: string): string[] {
  return tokensOf(file).flatMap((token) => {
    if (token.type !== 'link' && token.type !== 'image') return []
    const href = String(token['href'])
    if (/^[a-z]+:/.test(href)) return []
    const [path = '', anchor] = decodeURI(href).split('#')
    const target = path === '' ? file : relative(ROOT, join(ROOT, dirname(file), path))
    if (!existsSync(join(ROOT, target))) return [`${href}: no such file`]
    if (anchor === undefined || !target.endsWith('.md')) return []
    return anchorsOf(target).includes(anchor) ? [] : [`${href}: no such heading`]
  })
}

describe.each(FILES)('%s', (file) => {
  const text = read(file)

  test('every link leads somewhere', () => {
    expect(findBrokenLinks(file)).toEqual([])
  })

  test('every npm script that it names exists', () => {
    const named = [...text.matchAll(/npm run (?:--silent )?([a-z][a-z:-]*[a-z])/g)].map((found) => found[1]!)
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([])
  })

  test('every command of uniroute that it names exists', () => {
    const named = [...text.matchAll(/(?:npx uniroute|npm run uniroute --) ([a-z][a-z-]*(?: generate)?)/g)]
    expect(named.map((found) => found[1]!).filter((name) => !COMMANDS.includes(name))).toEqual([])
  })

  test('what it shows as JSON is JSON', () => {
    const shown = tokensOf(file).filter((token) => token.type === 'code' && token['lang'] === 'json')
    for (const { text: json } of shown as { text: string }[]) expect(() => JSON.parse(json), json).not.toThrow()
  })
})

test('the commands were found', () => {
  expect(COMMANDS).toEqual(
    expect.arrayContaining(['backup', 'keys generate', 'reset-password', 'verify-audit', 'doctor']),
  )
})
