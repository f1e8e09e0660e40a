// `npm run bench:curves [-- --keep] [curve …]`: what a request, an event or an open stream costs as there is more and
// more of something. Each curve is a result of its own, so a part can be run, or run again, by its name.
import { parseArgs } from 'node:util'
import { CURVES } from './measures/curves.ts'
import { findMeasuringObstacle } from './processor-time.ts'
import { runScript } from './script.ts'

const USAGE = `npm run bench:curves [-- [options] curve …]

${CURVES.map(({ id, summary, minutes }) => `  ${id.replace('curve-', '').padEnd(12)} about ${minutes} min  ${summary}`).join('\n')}

Options:
  --runs NUMBER      all of it so often (1): what is published is of three
  --rounds NUMBER    within a run (5; streams 2)
  --keep             write the results under names that git does not ignore
`

const say = (line: string): void => void process.stderr.write(`  ${line}\n`)

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '1' },
      rounds: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const curves = CURVES.filter(
    ({ id }) => positionals.length === 0 || positionals.some((name) => id.replace('curve-', '') === name),
  )
  if (values.help || curves.length < positionals.length) {
    process.stdout.write(USAGE)
    return values.help ? 0 : 1
  }
  const obstacle = findMeasuringObstacle()
  if (obstacle !== null) {
    say(obstacle)
    return 1
  }
  const runs = Number(values.runs)
  const wishes = {
    targets: [],
    rounds: values.rounds === undefined ? null : Number(values.rounds),
    windowMs: 2_000,
    perSecond: 0,
    portkeyFolder: null,
    keep: values.keep,
    profileFolder: null,
    say,
    print: (text: string) => void process.stdout.write(text),
  }
  say(
    `${curves.map(({ id }) => id).join(', ')}: about ${runs * curves.reduce((sum, one) => sum + one.minutes, 0)} minutes`,
  )
  for (let run = 1; run <= runs; run++) {
    for (const curve of curves) {
      say(`${curve.id}, run ${run} of ${runs}`)
      say(`written to ${await curve.run(wishes)}`)
    }
  }
  return 0
}

await runScript(main)
