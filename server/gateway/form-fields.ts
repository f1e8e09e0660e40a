// The model's name in a multipart form, found without taking the form apart. Whether it may be believed matters where a
// UniRoute API key is for certain models only: a form that another reader could read otherwise is not regular.
export interface FormModel {
  readonly text: string
  /** Of the value, in the joined body. */
  readonly range: { readonly start: number; readonly end: number }
}

export interface ScannedForm {
  /** null where no part is called `model`. */
  readonly model: FormModel | null
  /** Every part is of the plain kind that all readers take alike. */
  readonly regular: boolean
}

const IRREGULAR: ScannedForm = { model: null, regular: false }
const BOUNDARY = /^multipart\/form-data\s*;\s*boundary=(?:"([^"\\]{1,70})"|([^\s"\\;]{1,70}))\s*$/i
const PLAIN_NAME = /^form-data; name="([^"\\%\r\n]*)"(?:; filename="[^"\r\n]*")?(?:; filename\*=[^\s;]+)?$/i
const FIELD = /^[A-Za-z-]+$/
const LONGEST_NAME = 256
const HEAD_END = '\r\n\r\n'

/** `body`: the whole form; `contentType`: of the request. */
export function findFormModel(body: Buffer, contentType: string): ScannedForm {
  const found = BOUNDARY.exec(contentType.trim())
  const boundary = found?.[1] ?? found?.[2]
  if (boundary === undefined) return IRREGULAR
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
  const opening = delimiter.subarray(2)
  if (!body.subarray(0, opening.length).equals(opening)) return IRREGULAR
  let at = opening.length
  let model: FormModel | null = null
  for (;;) {
    const line = body.toString('latin1', at, at + 5)
    // Something behind the last part is a part to another reader.
    if (line.startsWith('--')) return { model, regular: line === '--' || line === '--\r\n' }
    if (!line.startsWith('\r\n')) return IRREGULAR
    const headEnd = body.indexOf(HEAD_END, at)
    const end = headEnd === -1 ? -1 : body.indexOf(delimiter, headEnd + 2)
    if (end === -1 || end < headEnd + HEAD_END.length) return IRREGULAR
    const name = readName(body.toString('latin1', at + 2, headEnd))
    // Some readers take `model[]` or ` Model` for `model`.
    if (name === null || (name !== 'model' && /^\s*model\b/i.test(name))) return IRREGULAR
    if (name === 'model') {
      const range = { start: headEnd + HEAD_END.length, end }
      if (model !== null || range.end - range.start > LONGEST_NAME) return IRREGULAR
      model = { text: body.toString('utf8', range.start, range.end), range }
    }
    at = end + delimiter.length
  }
}

/** The part's name; null where its head says anything but a plain name and a content type. */
function readName(head: string): string | null {
  let name: string | null = null
  for (const line of head.split('\r\n')) {
    const colon = line.indexOf(':')
    const field = line.slice(0, colon)
    if (colon === -1 || !FIELD.test(field) || /[\r\n]/.test(line)) return null
    if (field.toLowerCase() === 'content-type') continue
    const value = withoutBlanks(line.slice(colon + 1))
    const found = field.toLowerCase() === 'content-disposition' ? PLAIN_NAME.exec(value)?.[1] : undefined
    if (found === undefined || name !== null) return null
    name = found
  }
  return name
}

/** Without spaces and tabs at its ends. Not by a pattern, which would begin anew at each of a million blanks. */
function withoutBlanks(text: string): string {
  let [from, to] = [0, text.length]
  while (isBlank(text[from])) from++
  while (to > from && isBlank(text[to - 1])) to--
  return text.slice(from, to)
}

const isBlank = (char: string | undefined): boolean => char === ' ' || char === '\t'
