// Copying, where the browser has no clipboard for the page: true only when the text really went.
import { afterEach, expect, test, vi } from 'vitest'
import { copyText } from './copyText.ts'

const place = document.createElement('div')
document.body.append(place)
afterEach(() => vi.unstubAllGlobals())

/** A browser on plain HTTP, whose older way of copying does this. */
function onPlainHttp(older: () => boolean): void {
  vi.stubGlobal('isSecureContext', false)
  Object.assign(document, { execCommand: older })
}

/** As browsers tell it; `keeps` false: something else takes the data away. */
function tellCopy(keeps = true): string | undefined {
  let held: string | undefined
  const event = new Event('copy', { bubbles: true, cancelable: true })
  const clipboardData = {
    setData: (_type: string, text: string) => void (held = keeps ? text : undefined),
    getData: () => held ?? '',
  }
  document.dispatchEvent(Object.assign(event, { clipboardData }))
  return held
}

test('on plain HTTP the text is copied from a field beside the button, which is gone afterwards', async () => {
  let copied: string | undefined
  onPlainHttp(() => {
    expect(place.querySelector('textarea')?.value).toBe('what to copy')
    copied = tellCopy()
    return true
  })
  expect(await copyText('what to copy', place)).toBe(true)
  expect(copied).toBe('what to copy')
  expect(place.children).toHaveLength(0)
})

test('a browser that says yes and copies nothing is not believed', async () => {
  onPlainHttp(() => true)
  expect(await copyText('text', place)).toBe(false)
  onPlainHttp(() => {
    tellCopy(false)
    return true
  })
  expect(await copyText('text', place)).toBe(false)
})

test('a clipboard that refuses is followed by the older way', async () => {
  vi.stubGlobal('isSecureContext', true)
  vi.stubGlobal('navigator', {
    clipboard: { writeText: () => Promise.reject(new DOMException('no', 'NotAllowedError')) },
  })
  Object.assign(document, { execCommand: () => tellCopy() !== undefined })
  expect(await copyText('text', place)).toBe(true)
})
