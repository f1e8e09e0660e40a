// Turns the texts of `locales/` into functions while building, so that the dashboard brings no message compiler (and so
// no `eval`). Texts without a part to fill in stay plain text.
import { baseCompile } from '@intlify/message-compiler'
import type { Plugin } from 'vite'

type Messages = { readonly [key: string]: string | Messages }

type Rewrite = (text: string) => string

const LOCALE = /\/locales\/[a-z-]+\.json$/i
/** What the message syntax gives a meaning. */
const SYNTAX = /[{}@|]/

/** `rewrite`: what becomes of each text before. */
export function compileMessages(rewrite: Rewrite = (text) => text): Plugin {
  return {
    name: 'compile-messages',
    enforce: 'pre',
    transform(source, id) {
      if (!LOCALE.test(id)) return null
      const code = `export default ${writeMessages(JSON.parse(source) as Messages, rewrite)}`
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
  return baseCompile(text, {
    mode: 'arrow',
    onError(error) {
      throw new Error(`The text "${key}" cannot be read: ${error.message}`)
    },
  }).code
}
