// What a browser finds wrong with a field, as a sentence that says what to do; empty where nothing is.
import type { Text } from '../i18n.ts'

type Checked = Pick<HTMLInputElement, 'type' | 'min' | 'minLength' | 'validity'>

export function explainValidity({ type, min, minLength, validity }: Checked, text: Text): string {
  if (validity.valid) return ''
  if (type === 'date') return validity.rangeUnderflow ? text('field.laterDay') : text('field.day')
  if (validity.badInput) return text('field.number')
  if (validity.valueMissing) return text('field.missing')
  if (validity.tooShort) return text('field.short', { count: minLength }, minLength)
  if (validity.rangeUnderflow) return text('field.least', { least: min })
  if (validity.stepMismatch) return text('field.whole')
  return text(type === 'email' ? 'field.email' : 'field.other')
}
