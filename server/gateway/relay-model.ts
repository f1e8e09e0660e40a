// The model's name in a relayed request, where the client wrote `provider/model` or an alias: the provider is told its
// own name for it, in every place where the dialect repeats it. One byte range per place; the rest stays as sent.
import { bareModelName } from '../catalog/model-names.ts'
import { itemsOf, memberOf, parseJsonTree, readJsonString, type Edit, type JsonNode } from '../kernel/json-tree.ts'
import type { Exchange, Target } from './exchange.ts'

export function editModelName(exchange: Exchange, target: Target): Edit[] {
  const { operation, requestedModel, scan } = exchange
  if (target.model === requestedModel) return []
  if (operation.modelIn === 'path') return editRepeatedNames(exchange, target)
  const range = scan.values.get('model')
  return range ? [{ ...range, text: JSON.stringify(target.model) }] : []
}

/** Gemini's name stands in the path; embeddings, token counts and some clients repeat it in the body. */
function editRepeatedNames({ body, requestedModel }: Exchange, target: Target): Edit[] {
  const asked = bareModelName(requestedModel)
  const bytes = Buffer.concat(body)
  if (!bytes.includes(asked)) return []
  const root = parseJsonTree(bytes)
  if (root === null) return []
  const holders = [root, memberOf(root, 'generateContentRequest'), ...itemsOf(memberOf(root, 'requests'))]
  const text = JSON.stringify(`models/${bareModelName(target.model)}`)
  return holders.flatMap(namesIn).flatMap(({ start, end }) => {
    const name = readJsonString(bytes, { start, end })
    return name !== null && bareModelName(name) === asked ? [{ start, end, text }] : []
  })
}

function namesIn(node: JsonNode | undefined): JsonNode[] {
  if (node?.kind !== 'object') return []
  return node.members.flatMap(({ key, value }) => (key === 'model' && value.kind === 'string' ? [value] : []))
}
