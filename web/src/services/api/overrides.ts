// `/admin/catalog/overrides`: what administrators say of models in the place of the built-in data.
import type { Override, OverrideBody } from '../../../../contract/catalog.ts'
import { call } from './client.ts'

const PATH = 'admin/catalog/overrides'
/** Names of models hold slashes, which stay. */
const pathOf = ({ provider, model }: Pick<Override, 'provider' | 'model'>): string =>
  `${PATH}/${[provider, ...model.split('/')].map(encodeURIComponent).join('/')}`

export const listOverrides = async (): Promise<Override[]> =>
  (await call<{ overrides: Override[] }>('GET', PATH)).overrides
export const putOverride = (name: Pick<Override, 'provider' | 'model'>, body: OverrideBody): Promise<unknown> =>
  call('PUT', pathOf(name), { body })
export const removeOverride = (name: Pick<Override, 'provider' | 'model'>): Promise<unknown> =>
  call('DELETE', pathOf(name))
