// An answer's markdown as elements: nothing of it ever becomes markup, so nothing in it can load, run or imitate the
// page. Pictures from elsewhere are named, not loaded (which also closes the way to carry text out by an address);
// links open beside the page. Read piece by piece as it comes: blocks that are complete are not read again.
import { Marked, type Token, type Tokens } from 'marked'
import { h, type VNode } from 'vue'

export interface MarkdownBlock {
  readonly key: number
  readonly token: Token
}

export interface MarkdownReader {
  /** `text` is all that came so far; `isWhole`: nothing more comes. */
  read(text: string, isWhole: boolean): readonly MarkdownBlock[]
}

/** What stands in the place of a picture, by its name. */
type DescribePicture = (name: string) => string
type Child = VNode | string

export function createMarkdownReader(): MarkdownReader {
  const marked = new Marked({ gfm: true, breaks: true })
  let settled: MarkdownBlock[] = []
  let settledLength = 0
  return {
    read(text, isWhole) {
      // What refers to a definition further down is only right when all of it is there.
      if (isWhole || text.length < settledLength) [settled, settledLength] = [[], 0]
      const tokens = marked.lexer(text.slice(settledLength))
      const last = isWhole
        ? tokens.length
        : Math.max(
            0,
            tokens.findLastIndex(({ type }) => type !== 'space'),
          )
      for (const token of tokens.slice(0, last)) {
        settledLength += token.raw.length
        if (token.type !== 'space') settled.push({ key: settled.length, token })
      }
      const open = tokens.slice(last).filter(({ type }) => type !== 'space')
      return [...settled, ...open.map((token, index) => ({ key: settled.length + index, token }))]
    },
  }
}

export function renderMarkdown(token: Token, describe: DescribePicture): Child[] {
  return renderToken(token as Tokens.Generic, describe)
}

// size: one table of what each kind of token is
function renderToken(token: Tokens.Generic, describe: DescribePicture): Child[] {
  const inner = (): Child[] => renderAll(token.tokens, describe)
  switch (token.type) {
    case 'space':
    case 'def':
      return []
    case 'heading':
      // Under the headings of the page.
      return [h(`h${Math.min(6, (token['depth'] as number) + 2)}`, inner())]
    case 'paragraph':
      return [h('p', inner())]
    case 'blockquote':
      return [h('blockquote', inner())]
    case 'list':
      return [renderList(token as Tokens.List, describe)]
    case 'code':
      // It can be scrolled, so it can be reached.
      return [h('pre', { tabindex: 0 }, [h('code', token['text'] as string)])]
    case 'table':
      return [renderTable(token as Tokens.Table, describe)]
    case 'hr':
    case 'br':
      return [h(token.type)]
    case 'strong':
    case 'em':
    case 'del':
      return [h(token.type, inner())]
    case 'codespan':
      return [h('code', token['text'] as string)]
    case 'link':
      return renderLink(token as Tokens.Link, inner())
    case 'image':
      return [h('em', describe(token['text'] as string))]
    case 'checkbox':
      return [token['checked'] ? '☑ ' : '☐ ']
    case 'escape':
      return [token['text'] as string]
    case 'text':
      return token.tokens ? inner() : [decodeEntities(token['text'] as string)]
    default:
      // Markup and what nobody knows stands as it was written.
      return [token.raw]
  }
}

function renderAll(tokens: readonly Token[] | undefined, describe: DescribePicture): Child[] {
  return (tokens ?? []).flatMap((token) => renderToken(token as Tokens.Generic, describe))
}

function renderList({ ordered, start, items }: Tokens.List, describe: DescribePicture): VNode {
  const entries = items.map((item) => h('li', renderAll(item.tokens, describe)))
  return ordered ? h('ol', { start: start === '' || start === 1 ? undefined : start }, entries) : h('ul', entries)
}

function renderTable({ header, rows }: Tokens.Table, describe: DescribePicture): VNode {
  const cells = (name: 'th' | 'td', row: readonly Tokens.TableCell[]): VNode =>
    h(
      'tr',
      row.map(({ tokens }) => h(name, renderAll(tokens, describe))),
    )
  return h('table', { tabindex: 0 }, [
    h('thead', [cells('th', header)]),
    h(
      'tbody',
      rows.map((row) => cells('td', row)),
    ),
  ])
}

/** To the web or to mail; any other address is left out, and its words stay. */
function renderLink({ href }: Tokens.Link, inner: Child[]): Child[] {
  if (!/^(?:https?:|mailto:)/i.test(href)) return inner
  return [h('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' }, inner)]
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", nbsp: '\u00A0' }

function decodeEntities(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#39|nbsp);/g, (_, name: string) => ENTITIES[name]!)
}
