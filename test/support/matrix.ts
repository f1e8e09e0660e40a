// The matrix of clients and providers: a table of cells, each a named test, and what became of it.
import { afterAll, describe, test } from 'vitest'
import type { Driver } from './sdk-drivers/driver.ts'

export interface Upstream {
  readonly name: string
  /** The dialect in which requests of another dialect reach it. */
  readonly dialect: Driver['dialect']
  /** The dialects it speaks itself: their clients are relayed. */
  readonly speaks: readonly Driver['dialect'][]
  readonly provider: string
  /** How a client names the model. */
  readonly model: string
}

export interface Pair {
  readonly driver: Driver
  readonly upstream: Upstream
  readonly relayed: boolean
}

export interface Feature {
  readonly name: string
  /** Why this pair has no such cell. */
  skip?(pair: Pair): string | undefined
  run(pair: Pair): Promise<void>
}

/** Makes the tests; after all of them prints the table. */
export function defineMatrix(
  drivers: readonly Driver[],
  upstreams: readonly Upstream[],
  features: readonly Feature[],
): void {
  const marks = new Map<string, string>()
  const reasons = new Map<string, Set<string>>()
  const cellName = (driver: Driver, upstream: Upstream, feature: Feature): string =>
    `${driver.name} → ${upstream.name}: ${feature.name}`

  for (const driver of drivers) {
    describe(driver.name, () => {
      for (const upstream of upstreams) {
        for (const feature of features) {
          const name = cellName(driver, upstream, feature)
          const pair = { driver, upstream, relayed: upstream.speaks.includes(driver.dialect) }
          const reason = feature.skip?.(pair) ?? driver.lacks?.[feature.name]
          if (reason !== undefined) {
            marks.set(name, '–')
            reasons.set(reason, (reasons.get(reason) ?? new Set()).add(`${driver.name}: ${feature.name}`))
            continue
          }
          test(name, async () => {
            marks.set(name, '✗')
            await feature.run(pair)
            marks.set(name, pair.relayed ? 'r' : '✓')
          })
        }
      }
    })
  }

  afterAll(() => {
    const lines = [['client → provider', ...features.map(({ name }) => name)]]
    for (const driver of drivers) {
      for (const upstream of upstreams) {
        const cells = features.map((feature) => marks.get(cellName(driver, upstream, feature)) ?? ' ')
        lines.push([`${driver.name} → ${upstream.name}`, ...cells])
      }
    }
    const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
    const table = lines.map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    const why = [...reasons].map(([reason, cells]) => `– ${[...cells].join(', ')}: ${reason}`)
    console.log(['✓ translated · r relayed · ✗ failed · – has no such cell', ...table, ...why].join('\n'))
  })
}
