// The dashboard with every text lengthened and in brackets (web/pseudo-locale.ts), put in the place of the shipped build
// for one page; what is cut off in it, and what carries no brackets.
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

/** Texts that are wider or higher than what they stand in, and not cut off on purpose (with an ellipsis, or scrolled). */
export function listClippedTexts({ page }: Watched): Promise<string[]> {
  return page.evaluate(() => {
    const { document, getComputedStyle, Node } = globalThis as any
    const found: string[] = []
    for (const one of document.body.querySelectorAll('*')) {
      const hasText = [...one.childNodes].some(
        (node: any) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== '',
      )
      if (!hasText || !one.checkVisibility() || one.closest('svg, select, textarea')) continue
      const style = getComputedStyle(one)
      if (
        style.display === 'inline' ||
        style.textOverflow === 'ellipsis' ||
        style.webkitLineClamp !== 'none' ||
        one.clientWidth <= 1
      )
        continue
      const scrolls = (value: string): boolean => value === 'auto' || value === 'scroll'
      const wide = !scrolls(style.overflowX) && one.scrollWidth > one.clientWidth + 1
      const high = !scrolls(style.overflowY) && one.scrollHeight > one.clientHeight + 2
      // A box around it that hides what does not fit.
      const box = one.getBoundingClientRect()
      let hidden = false
      let isHeard = false
      for (let round = one.parentElement; round && round !== document.body; round = round.parentElement) {
        const { overflowX, overflowY, position } = getComputedStyle(round)
        if (scrolls(overflowX) || scrolls(overflowY) || position === 'fixed') break
        const outer = round.getBoundingClientRect()
        // For screen readers only.
        if (outer.width <= 1 || outer.height <= 1) {
          hidden = false
          isHeard = true
          break
        }
        const cuts = overflowX === 'hidden' || overflowX === 'clip'
        if (cuts && (box.right > outer.right + 1 || box.bottom > outer.bottom + 1 || box.left < outer.left - 1))
          hidden = true
      }
      if (!isHeard && (wide || high || hidden)) {
        const size = `${one.scrollWidth}×${one.scrollHeight} in ${one.clientWidth}×${one.clientHeight}`
        found.push(
          `${one.tagName.toLowerCase()}.${String(one.className).slice(0, 60)} (${size}): ${one.textContent.trim().slice(0, 60)}`,
        )
      }
    }
    return found
  })
}
