// Turns the texts of `locales/` into functions while building, so that the dashboard brings no message compiler (and so
// no `eval`). Texts without a part to fill in stay plain text.
import { baseCompile } from '@intlify/message-compiler'
import type { Plugin } from 'vite'

type Messages = { readonly [key: string]: string | Messages }

type Rewrite = (text: string) => string

const LOCALE = /\/locales\/[a-z-]+\.json$/i
/** What the message syntax gives a meaning. */
const SYNTAX = /[{}@|]/

/** What every function does, once for all of them: half a kilobyte of gzip less at first. */
const HELPERS =
  'const say = (ctx, parts) => ctx.normalize(parts), fill = (ctx, name) => ctx.interpolate(ctx.named(name));'
/** As the compiler writes a function: what it takes from its context, and what it makes of that. */
const FUNCTION = /^\(ctx\) => \{const \{[\w:, ]+\} = ctx;return (.+)\}$/s

/** `rewrite`: what becomes of each text before. */
export function compileMessages(rewrite: Rewrite = (text) => text): Plugin {
  return {
    name: 'compile-messages',
    enforce: 'pre',
    transform(source, id) {
      if (!LOCALE.test(id)) return null
      const code = `${HELPERS}export default ${writeMessages(JSON.parse(source) as Messages, rewrite)}`
      return { code, map: null, moduleType: 'js' }
    },
  }
}

function writeMessages(messages: Messages, rewrite: Rewrite): string {
  const entries = Object.entries(messages).map(([key, value]) => {
    const written = typeof value === 'string' ? writeMessage(key, rewrite(value)) : writeMessages(value, rewrite)
    return `${JSON.stringify(key)}:${written}`
  })
  return `{${entries.join(',')}}`
}

function writeMessage(key: string, text: string): string {
  if (!SYNTAX.test(text)) return JSON.stringify(text)
  const { code } = baseCompile(text, {
    mode: 'arrow',
    onError(error) {
      throw new Error(`The text "${key}" cannot be read: ${error.message}`)
    },
  })
  const made = FUNCTION.exec(code)?.[1]
  if (made === undefined) throw new Error(`The text "${key}" became a function of an unknown shape: ${code}`)
  const written = made
    .replaceAll('_normalize(', 'say(ctx, ')
    .replaceAll(/_interpolate\(_named\(("\w+")\)\)/g, 'fill(ctx, $1)')
    .replaceAll('_plural(', 'ctx.plural(')
  if (/\b_\w+\(/.test(written)) throw new Error(`The text "${key}" uses what no text has used so far: ${text}`)
  return `(ctx) => ${written}`
}
