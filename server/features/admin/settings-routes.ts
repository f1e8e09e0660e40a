// The address under which administrators read what this installation was started with, and where each setting stands.
import { type EffectiveSetting, settingListSchema } from '../../../contract/settings.ts'
import { type ControlRoute, defineControlRoute } from '../../http/route.ts'

export function createSettingsRoutes({ settings }: { settings: readonly EffectiveSetting[] }): ControlRoute[] {
  return [
    defineControlRoute({
      method: 'GET',
      path: '/admin/settings',
      credential: 'session',
      role: 'admin',
      bodyCap: 0,
      rateClass: 'control',
      summary: 'The settings this server was started with, and where each of them was set',
      answers: { 200: { description: 'Every setting, by group', schema: settingListSchema } },
      handle: async () => ({ status: 200, body: { settings } }),
    }),
  ]
}
