// What holds in this process and where it was set, for administrators to read. Taken at the start, since secrets are
// removed from the environment after it. Invariant: no secret's text is kept, nor a user name or password in a URL.
import type { EffectiveSetting } from '../../contract/settings.ts'
import { type Environment, readSecretText, readSetting } from './environment.ts'
import { SETTING_GROUPS, type Setting } from './settings.ts'

/**
 * `environment`: of the process alone; `merged`: with the `.env` beneath it. Only for settings that are known to be
 * right.
 */
export function describeSettings(environment: Environment, merged: Environment, cwd: string): EffectiveSetting[] {
  const isOwn = (name: string): boolean => environment[name] !== undefined

  function originOf(name: string, setting: Setting): EffectiveSetting['origin'] {
    if (readSetting(merged, name) !== null) return isOwn(name) ? 'environment' : '.env'
    return setting.secret && readSecretText(merged, name, cwd) !== null ? 'file' : 'default'
  }

  return SETTING_GROUPS.flatMap(({ title, settings }) =>
    Object.entries(settings).map(([name, setting]) => {
      const origin = originOf(name, setting)
      const value = readSetting(merged, name) ?? setting.default
      return {
        name,
        group: title,
        origin,
        value: setting.secret || value === null ? null : withoutUser(value),
        secret: setting.secret ?? false,
        is_set: origin !== 'default',
        default: setting.default,
        absent: setting.absent ?? null,
        meaning: setting.meaning,
        planned: setting.planned ?? false,
      }
    }),
  )
}

function withoutUser(text: string): string {
  return text.replace(/\/\/[^/@\s]*@/g, '//…@')
}
