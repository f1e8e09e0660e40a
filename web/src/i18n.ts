// The texts of the dashboard. Keys are typed: a text that is not there is an error of the build. Messages come compiled
// (compile-messages.ts), so no compiler is shipped.
import { createI18n, useI18n } from 'vue-i18n'
import en from './locales/en.json'

type Leaves<T, Path extends string = ''> = {
  [K in keyof T & string]: T[K] extends string ? `${Path}${K}` : Leaves<T[K], `${Path}${K}.`>
}[keyof T & string]

export type TextKey = Leaves<typeof en>
/** A text and what is filled in; `count` chooses among `one | many`. */
export type Text = (key: TextKey, values?: Record<string, unknown>, count?: number) => string

export const i18n = createI18n({ legacy: false, locale: 'en', fallbackLocale: 'en', messages: { en } })

/** The texts, in the language in use. */
export function useText(): Text {
  const { t } = useI18n()
  return (key, values = {}, count) => (count === undefined ? t(key, values) : t(key, { ...values, count }, count))
}
