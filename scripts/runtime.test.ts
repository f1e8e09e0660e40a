// The launcher, run as it runs on a fresh clone: by the system's Node where there is an older one, with an npm that
// only notes how it was called.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'

const SCRIPTS = fileURLToPath(new URL('.', import.meta.url))
const { isNewEnough } = (await import(new URL('runtime.mjs', import.meta.url).href)) as {
  isNewEnough: (version: string) => boolean
}
/** An older Node of the system where there is one, for the launcher must run on it. */
const SYSTEM_NODE = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path)) ?? process.execPath

let clone: string
beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'uniroute-launcher-'))
  cpSync(SCRIPTS, join(clone, 'scripts'), { recursive: true, filter: (path) => !path.endsWith('.ts') })
  writeFileSync(join(clone, 'package-lock.json'), lockfile('1.0.0'))
  writeFileSync(join(clone, 'package.json'), '{"type":"module"}')
  mkdirSync(join(clone, 'server'))
  mkdirSync(join(clone, 'bin'))
  // Stands for npm: says something on stdout, notes its words, and "installs" what the lockfile says.
  writeScript(
    join(clone, 'bin', 'npm'),
    `#!/bin/sh
echo noise on stdout
echo "$@" >> ${clone}/npm-calls
[ -e ${clone}/npm-fails ] && { echo registry unreachable >&2; exit 1; }
rm -rf node_modules && mkdir -p node_modules && cp package-lock.json node_modules/.package-lock.json
`,
  )
})
afterEach(() => rmSync(clone, { recursive: true, force: true }))

function lockfile(version: string): string {
  const packages = {
    '': {},
    'node_modules/a': { version },
    'node_modules/b': { version: '1.0.0', optional: true },
  }
  return JSON.stringify({ packages })
}

function writeScript(path: string, text: string): void {
  writeFileSync(path, text)
  chmodSync(path, 0o755)
}

const environment = () => ({
  PATH: `${join(clone, 'bin')}:${dirname(process.execPath)}:/usr/bin:/bin`,
  NODE_ENV: 'production',
})

/** Runs a script of the clone; its Node is this one, so that "new enough" holds without a bundled Node. */
function run(script: string, words: string[] = [], node = process.execPath) {
  const { status, stdout, stderr } = spawnSync(node, [join(clone, 'scripts', script), ...words], {
    cwd: clone,
    env: environment(),
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

const npmCalls = () => (existsSync(join(clone, 'npm-calls')) ? readFileSync(join(clone, 'npm-calls'), 'utf8') : '')

describe('installing', () => {
  test('happens on a fresh clone, whatever NODE_ENV says, without scripts, and keeps stdout clean', () => {
    expect(run('with-node.mjs', ['-e', 'console.log("result")'])).toEqual({
      status: 0,
      stdout: 'result\n',
      stderr: 'Installing the packages of package-lock.json; this happens once and takes a minute or so.\n',
    })
    expect(npmCalls()).toMatch(/^ci .*--ignore-scripts .*--include=dev --include=optional/)
  })

  test('happens once, and again when the lockfile changed', () => {
    run('with-node.mjs', ['-e', ''])
    expect(run('with-node.mjs', ['-e', '']).stderr).toBe('')
    expect(npmCalls().match(/^ci/gm)).toHaveLength(1)
    writeFileSync(join(clone, 'package-lock.json'), lockfile('2.0.0'))
    expect(run('with-node.mjs', ['-e', '']).status).toBe(0)
    expect(npmCalls().match(/^ci/gm)).toHaveLength(2)
  })

  test('is left out where npm has installed this lockfile itself, optional packages of other systems apart', () => {
    mkdirSync(join(clone, 'node_modules'))
    const record = JSON.stringify({ packages: { 'node_modules/a': { version: '1.0.0' } } })
    writeFileSync(join(clone, 'node_modules', '.package-lock.json'), record)
    expect(run('with-node.mjs', ['-e', '']).status).toBe(0)
    expect(npmCalls()).toBe('')
  })

  test('that fails shows what npm said, ends with 78, and is tried again next time', () => {
    writeFileSync(join(clone, 'npm-fails'), '')
    const { status, stdout, stderr } = run('with-node.mjs', ['-e', ''])
    expect({ status, stdout }).toEqual({ status: 78, stdout: '' })
    expect(stderr).toContain('registry unreachable')
    expect(stderr).toContain('npm ci failed (exit 1)')
    rmSync(join(clone, 'npm-fails'))
    expect(run('with-node.mjs', ['-e', '']).status).toBe(0)
  })
})

describe('the Node that runs', () => {
  test.each([
    ['24.7.0', true],
    ['24.6.9', false],
    ['20.20.2', false],
    ['26.0.0', true],
    ['100.0.0', true],
  ])('%s: new enough is %s', (version, expected) => {
    expect(isNewEnough(version)).toBe(expected)
  })

  const old = spawnSync(SYSTEM_NODE, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout.trim()
  test.skipIf(isNewEnough(old))(
    'an older one without a bundled one is refused with a sentence (needs an old system Node)',
    () => {
      const { status, stderr } = run('with-node.mjs', ['-e', ''], SYSTEM_NODE)
      expect(status).toBe(78)
      expect(stderr).toContain(`UniRoute needs Node 24.7 or newer. This is Node ${old}`)
    },
  )

  test.skipIf(process.platform !== 'linux')(
    'is the bundled one where it works, started by an older one (needs Linux)',
    () => {
      run('with-node.mjs', ['-e', ''])
      const folder = join(clone, 'node_modules', `node-linux-${process.arch}`, 'bin')
      mkdirSync(folder, { recursive: true })
      symlinkSync(process.execPath, join(folder, 'node'))
      const { stdout } = run('with-node.mjs', ['-p', 'process.versions.node'], SYSTEM_NODE)
      expect(stdout.trim()).toBe(process.versions.node)
    },
  )

  test.skipIf(process.platform !== 'linux')('a bundled one that does not run here is passed over (needs Linux)', () => {
    run('with-node.mjs', ['-e', ''])
    const folder = join(clone, 'node_modules', `node-linux-${process.arch}`, 'bin')
    mkdirSync(folder, { recursive: true })
    writeScript(join(folder, 'node'), '#!/nowhere/ld.so\n')
    expect(run('with-node.mjs', ['-p', '1']).stdout).toBe('1\n')
  })
})

describe('npm start', () => {
  const SERVER = `
    process.on('SIGTERM', () => process.exit(7))
    console.log(JSON.stringify({ flags: process.execArgv, cache: process.env.NODE_COMPILE_CACHE, malloc: process.env.MALLOC_MMAP_THRESHOLD_, words: process.argv.slice(2) }))
    setInterval(() => {}, 1000)`

  test('runs the server without reports of its environment, without a debugger, and ends it by signal with its own code', async () => {
    writeFileSync(join(clone, 'server', 'main.ts'), SERVER)
    const child = spawn(process.execPath, [join(clone, 'scripts', 'start.mjs'), 'word'], {
      cwd: clone,
      env: environment(),
    })
    const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
    const { flags, cache, malloc, words } = JSON.parse(line) as {
      flags: string[]
      cache: string
      malloc: string
      words: string[]
    }
    expect(flags).toEqual(expect.arrayContaining(['--report-exclude-env', '--disable-sigusr1']))
    // Doubles what the published bundle takes of memory.
    expect(flags).not.toContain('--enable-source-maps')
    expect(cache).toContain('node_modules')
    expect(malloc).toBe('4194304')
    expect(words).toEqual(['word'])
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([7, null])
  })

  test.skipIf(process.platform !== 'linux')('leaves no core file behind a crash (needs Linux)', () => {
    writeFileSync(
      join(clone, 'server', 'main.ts'),
      `import { readFileSync } from 'node:fs'\nprocess.stdout.write(readFileSync('/proc/self/limits', 'utf8'))`,
    )
    expect(run('start.mjs').stdout).toMatch(/^Max core file size +0 +0 /m)
  })

  test('passes the exit code of a refused start on', () => {
    writeFileSync(join(clone, 'server', 'main.ts'), 'process.exitCode = 78')
    expect(run('start.mjs').status).toBe(78)
  })

  test('ends the server when the shell between npm and itself dies of the signal without passing it on', async () => {
    writeFileSync(join(clone, 'server', 'main.ts'), SERVER)
    // As npm does it: a shell whose last command is not the launcher, so that it stays between.
    const child = spawn('/bin/sh', ['-c', `${process.execPath} scripts/start.mjs; true`], {
      cwd: clone,
      env: { ...environment(), npm_lifecycle_event: 'start' },
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    })
    // The whole group, so that a failing test leaves nothing behind.
    onTestFinished(() => {
      if (!child.stdout.closed) process.kill(-child.pid!, 'SIGKILL')
    })
    const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
    expect(line).toContain('flags')
    child.kill('SIGKILL')
    // The server holds the other end of this pipe: it closes when the server is gone, else the test runs out of time.
    await once(child.stdout, 'close')
  })
})
