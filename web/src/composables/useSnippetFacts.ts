// What a snippet is filled with: this server's address, and a model that the person can call.
import { useQuery } from '@pinia/colada'
import { computed, type ComputedRef } from 'vue'
import type { ReachableModel } from '../../../contract/catalog.ts'
import { chooseBaseUrl } from '../features/api-keys/snippets.ts'
import { readInstallation } from '../services/api/accounts.ts'
import { listReachableModels } from '../services/api/models.ts'

/** Stands where no key reaches any model yet. */
const EXAMPLE_MODEL = 'gpt-4o-mini'

export interface SnippetPlace {
  /** null while it is not known. */
  readonly baseUrl: ComputedRef<string | null>
  readonly model: ComputedRef<string | null>
  /** Does a key reach the model, or is it only an example? */
  readonly isCallable: ComputedRef<boolean>
}

export function useSnippetFacts(): SnippetPlace {
  const installation = useQuery({ key: ['installation'], query: readInstallation, staleTime: 300_000 })
  const models = useQuery({ key: ['models'], query: listReachableModels, staleTime: 60_000 })
  const chosen = computed(() => chooseModel(models.data.value ?? []))
  return {
    baseUrl: computed(() => {
      const publicUrl = installation.data.value?.public_url
      return publicUrl === undefined ? null : chooseBaseUrl(publicUrl, document.baseURI)
    }),
    model: computed(() => {
      if (models.data.value === undefined && models.error.value === null) return null
      return chosen.value?.id ?? EXAMPLE_MODEL
    }),
    isCallable: computed(() => chosen.value !== undefined),
  }
}

const PAYERS = ['user', 'team', 'server']

/** One that answers with text, on the person's own key if there is one, and cheap, since it is for trying. */
export function chooseModel(models: readonly ReachableModel[]): ReachableModel | undefined {
  const price = (model: ReachableModel): number => model.price?.output ?? Number.MAX_VALUE
  return models
    .filter((model) => model.output_modalities?.includes('text') ?? false)
    .toSorted((a, b) => PAYERS.indexOf(a.billed_to) - PAYERS.indexOf(b.billed_to) || price(a) - price(b))[0]
}
