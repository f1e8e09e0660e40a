// `/admin/names`: what the things behind ids are called.
import type { Names } from '../../../../contract/names.ts'
import { call } from './client.ts'

export const readNames = (people: boolean): Promise<Names> => call('GET', `admin/names${people ? '?people=true' : ''}`)
