// A body carried to another dialect, with all that can be told of it: what the provider is asked, what the gateway does
// itself, and every single loss.
import { CannotCross, type LossReport } from '../../../server/protocols/codec.ts'
import { CODECS } from '../../../server/protocols/codecs.ts'
import { isNoWish } from '../../../server/protocols/no-wish.ts'
import { openEnvelope } from '../../../server/protocols/testing.ts'
import { type Dialect, encodeRequest, type Json, profileFor } from '../cross-dialect.ts'
import { at, type Path, replace } from '../places.ts'

export type Source = Dialect | 'uniroute-chat'

export interface Crossed {
  /** What is asked, and what the gateway keeps for the answer. */
  readonly asked: string
  /** Each loss as often as it was told, in any order: `dropped seed: the model has none`. */
  readonly told: readonly string[]
}

/** null where the crossing is refused. */
export function cross(from: Source, to: Dialect, which: number, body: Json): Crossed | null {
  const told: string[] = []
  const losses: LossReport = {
    drop: (path, why, ...value) => {
      if (value.length === 0 || !isNoWish(path, value[0])) told.push(`dropped ${path}: ${why}`)
    },
    approximate: (path, why) => void told.push(`approximated ${path}: ${why}`),
    losses: [],
  }
  try {
    const request = CODECS[from].decodeRequest(body, { model: 'asked-for', stream: false, openEnvelope, losses })
    const { body: sent, enforceStop, toolNames } = encodeRequest(to, request, losses, profileFor(to, which))
    const { streamUsage, legacyCalls, echo, reasoning } = request
    const kept = [enforceStop, [...toolNames], streamUsage, legacyCalls, echo, reasoning?.include]
    return { asked: JSON.stringify([sent, kept]), told: told.toSorted() }
  } catch (error) {
    if (error instanceof CannotCross) return null
    throw error
  }
}

const sameLosses = (one: Crossed, other: Crossed): boolean => one.told.join('\n') === other.told.join('\n')

/** What happens to each place of one body on its way to one model. */
export function watch(from: Source, to: Dialect, which: number, body: Json) {
  const whole = cross(from, to, which, body)
  const without = new Map<string, Crossed | null>()
  const leaveOut = (path: Path): Crossed | null => {
    const key = JSON.stringify(path)
    if (!without.has(key)) without.set(key, cross(from, to, which, replace(body, path, undefined) as Json))
    return without.get(key)!
  }
  /** It is lost as a whole, and that is told: nothing is asked otherwise without it. */
  const isToldLost = (path: Path): boolean => {
    const bare = leaveOut(path)
    return bare !== null && bare.asked === whole!.asked && !sameLosses(bare, whole!)
  }
  const isInsideLost = (path: Path): boolean =>
    path.some((_key, depth) => depth > 0 && isToldLost(path.slice(0, depth)))
  return {
    crosses: whole !== null,
    /** All that is lost of it. */
    told: whole?.told ?? [],
    /** Whoever looks at what is asked, and at what is told lost, cannot tell that it was there. */
    isSilent(path: Path): boolean {
      const bare = leaveOut(path)
      if (bare === null || bare.asked !== whole!.asked || !sameLosses(bare, whole!)) return false
      return !isInsideLost(path)
    },
    /**
     * A member that nobody knows, put into the object there, is neither refused, nor named as lost, nor carried: all
     * that is told lost then; else null.
     */
    putIn(path: Path, name: string, value: unknown): readonly string[] | null {
      const held = path.length === 0 ? body : at(body, path)
      const odd = cross(from, to, which, replace(body, path, { ...(held as Json), [name]: value }) as Json)
      if (odd === null || odd.asked !== whole!.asked) return null
      const more = odd.told.filter((loss) => !whole!.told.includes(loss))
      if ([name, ...path].some((key) => more.some((loss) => loss.includes(`\`${key}\``)))) return null
      if (odd.told.some((loss) => loss.includes(name))) return null
      return isToldLost(path) || isInsideLost(path) ? null : odd.told
    },
  }
}
