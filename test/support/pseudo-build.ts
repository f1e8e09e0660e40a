// The dashboard with every text lengthened and in brackets (web/pseudo-locale.ts), put in the place of the shipped
// build for one page; what is cut off in it, and what carries no brackets.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Watched } from './browser.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export interface PseudoBuild {
  /** Answers the page and its assets from this build; everything else comes from the server. */
  serve(page: Watched['page']): Promise<void>
  remove(): void
}

export async function buildPseudo(): Promise<PseudoBuild> {
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-pseudo-'))
  const vite = join(ROOT, 'node_modules', '.bin', 'vite')
  await promisify(execFile)(vite, ['build', 'web', '--outDir', folder, '--logLevel', 'warn'], {
    cwd: ROOT,
    env: { ...process.env, UNIROUTE_TEXTS: 'pseudo' },
  })
  return {
    async serve(page) {
      await page.route('**/*', async (route: any) => {
        const request = route.request()
        const { pathname } = new URL(request.url())
        if (pathname.startsWith('/assets/')) return route.fulfill({ path: join(folder, pathname) })
        if (request.resourceType() !== 'document') return route.fallback()
        const response = await route.fetch()
        return route.fulfill({ response, body: readFileSync(join(folder, 'index.html'), 'utf8') })
      })
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/**
 * Texts on screen, and names of things, whose words do not stand between brackets; each once. What is marked with a
 * language of its own is the server's and left out, as code is.
 */
export function listPlainTexts({ page }: Watched, known: RegExp): Promise<string[]> {
  return page.evaluate((source: string) => {
    const { document, NodeFilter } = globalThis as any
    const isKnown = new RegExp(source, 'gu')
    const found = new Set<string>()
    const look = (text: string, where: string): void => {
      let rest = text
      for (let before = ''; before !== rest;) {
        before = rest
        rest = rest.replace(/⟦[^⟦⟧]*⟧/g, ' ')
      }
      const words = rest.replace(isKnown, ' ')
      if (/\p{L}{2,}/u.test(words)) found.add(`${where}: ${text.trim().slice(0, 80)}`)
    }
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (walker.nextNode()) {
      const { parentElement: parent, data } = walker.currentNode
      if (parent.closest('code, pre, noscript, script, .prose, [aria-hidden=true], body [lang]')) continue
      if (parent.closest('select') || parent.checkVisibility()) look(data, parent.tagName.toLowerCase())
    }
    for (const name of ['aria-label', 'placeholder', 'title', 'alt', 'aria-description']) {
      for (const one of document.body.querySelectorAll(`[${name}]`)) {
        if (!one.closest('body [lang]')) look(one.getAttribute(name), name)
      }
    }
    return [...found]
  }, known.source)
}

/**
 * Texts of the dashboard of which something cannot be seen: higher or wider than their own box, cut by a box around
 * them (an ellipsis too), outside the window, or longer than the field that shows them. Names that people chose may end
 * in an ellipsis, and what is scrolled inside its own box may be longer than it.
 */
export function listClippedTexts({ page }: Watched): Promise<string[]> {
  return page.evaluate(() => {
    const { document, getComputedStyle, innerWidth, innerHeight, NodeFilter } = globalThis as any
    const found = new Set<string>()
    const tell = (how: string, element: any, text: string): void => {
      const name = `${element.tagName.toLowerCase()}.${String(element.className?.baseVal ?? element.className)}`
      found.add(`${how}, ${name.slice(0, 70)}: ${text.trim().slice(0, 60)}`)
    }
    const isOurs = (text: string): boolean => /[\u27E6\u27E7]/.test(text)
    const scrolls = (value: string): boolean => value === 'auto' || value === 'scroll'
    const cuts = (value: string): boolean => value === 'hidden' || value === 'clip'
    /** Those that only screen readers come across. */
    const isHeardOnly = (element: any): boolean => {
      for (let one = element; one; one = one.parentElement) {
        const { width, height } = one.getBoundingClientRect()
        if (getComputedStyle(one).position === 'absolute' && width <= 1 && height <= 1) return true
      }
      return false
    }

    /** What a box around it, or the window, leaves of a line of text. */
    function findCut(line: any, start: any): any {
      let { left, right, top, bottom } = line
      for (let box = start; box && box !== document.documentElement; box = box.parentElement) {
        const style = getComputedStyle(box)
        const outer = box.getBoundingClientRect()
        if (style.display !== 'inline' && style.display !== 'contents') {
          if (cuts(style.overflowX) && (left < outer.left - 1 || right > outer.right + 1)) return box
          if (cuts(style.overflowY) && (top < outer.top - 2 || bottom > outer.bottom + 2)) return box
          // What can be scrolled into sight counts as what it is scrolled in.
          if (scrolls(style.overflowX)) [left, right] = [outer.left, outer.right]
          if (scrolls(style.overflowY)) [top, bottom] = [outer.top, outer.bottom]
        }
        if (style.position === 'fixed') {
          const isOut = left < -1 || right > innerWidth + 1 || top < -1 || bottom > innerHeight + 1
          return isOut ? box : null
        }
      }
      const { scrollWidth } = document.documentElement
      return left < -1 || right > scrollWidth + 1 ? document.documentElement : null
    }

    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (walker.nextNode()) {
      const { parentElement: parent, data } = walker.currentNode
      if (data.trim() === '' || parent.closest('noscript, script, style, select, textarea')) continue
      if (!parent.checkVisibility({ visibilityProperty: true }) || isHeardOnly(parent)) continue
      let block = parent
      while (getComputedStyle(block).display === 'inline' && block !== document.body) block = block.parentElement
      const style = getComputedStyle(block)
      const isShortened = style.textOverflow === 'ellipsis' || style.webkitLineClamp !== 'none'
      if (isShortened && !isOurs(data)) continue
      if (!scrolls(style.overflowX) && block.scrollWidth > block.clientWidth + 1 && block.clientWidth > 0) {
        tell(isShortened ? 'shortened' : 'too wide', block, data)
      }
      if (!scrolls(style.overflowY) && block.scrollHeight > block.clientHeight + 2 && block.clientHeight > 0) {
        tell('too high', block, data)
      }
      const range = document.createRange()
      range.selectNodeContents(walker.currentNode)
      for (const line of range.getClientRects()) {
        const box = line.width > 0 ? findCut(line, parent) : null
        if (box) tell(`cut by ${box.tagName.toLowerCase()}.${String(box.className).slice(0, 30)}`, parent, data)
      }
    }

    // Fields show one line, and what it holds may be longer than they are.
    const pen = document.createElement('canvas').getContext('2d')
    for (const field of document.body.querySelectorAll('select, input[placeholder]')) {
      if (!field.checkVisibility({ visibilityProperty: true }) || isHeardOnly(field)) continue
      const text = field.tagName === 'SELECT' ? (field.selectedOptions[0]?.label ?? '') : field.placeholder
      const style = getComputedStyle(field)
      pen.font = style.font
      const room = field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)
      if (isOurs(text) && pen.measureText(text).width > room + 1) tell('longer than its field', field, text)
    }
    return [...found]
  })
}
