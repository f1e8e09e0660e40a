// What `uniroute doctor` finds out about the machine: Node, the data folder and its files, the disk, a running server.
import { accessSync, constants, existsSync, readdirSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Finding } from './finding.ts'
import { isServerRunning } from './installation.ts'

const LEAST_NODE = [24, 7] as const
const GIGABYTE = 1024 ** 3
const LITTLE = GIGABYTE
const TOO_LITTLE = GIGABYTE / 10
/** Group and others. */
const NOT_OWNER = 0o077

export function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isNewEnough = major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])
  return isNewEnough
    ? { level: 'ok', subject: 'node', message: process.versions.node }
    : {
        level: 'fail',
        subject: 'node',
        message: `${process.versions.node} is too old; use npm start, which brings its own`,
      }
}

export function checkDataFolder({ dataDir }: Config): Finding[] {
  const subject = 'data folder'
  if (!existsSync(dataDir))
    return [{ level: 'warn', subject, message: `${dataDir} is not there yet; the first start makes it` }]
  try {
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    // Whatever the system's word for it: this user cannot use it.
    return [{ level: 'fail', subject, message: `${dataDir} cannot be written by this user; change its owner` }]
  }
  if (process.platform === 'win32') return [{ level: 'ok', subject, message: dataDir }]
  const open = [dataDir, ...listPrivateFiles(dataDir)].filter((path) => (statSync(path).mode & NOT_OWNER) !== 0)
  if (open.length === 0) return [{ level: 'ok', subject, message: `${dataDir}, private` }]
  return open.map((path) => ({
    level: path.includes('.key') ? 'fail' : 'warn',
    subject,
    message: `${path} is open to other users; chmod go-rwx ${path}`,
  }))
}

function listPrivateFiles(dataDir: string): string[] {
  return readdirSync(dataDir)
    .filter((name) => /^(?:master\.key|jwt\.key|uniroute\.db)/.test(name))
    .map((name) => join(dataDir, name))
}

export function checkDisk({ dataDir }: Config): Finding {
  const subject = 'disk'
  const folder = existsSync(dataDir) ? dataDir : '.'
  const { bavail, bsize } = statfsSync(folder)
  const free = bavail * bsize
  const message = `${(free / GIGABYTE).toFixed(1)} GB free`
  if (free < TOO_LITTLE) return { level: 'fail', subject, message: `${message}; free some, else calls are refused` }
  if (free < LITTLE) return { level: 'warn', subject, message: `${message}; free some soon` }
  return { level: 'ok', subject, message }
}

export function checkJournal(config: Config): Finding {
  const subject = 'server'
  if (isServerRunning(config)) return { level: 'ok', subject, message: 'running on this data folder' }
  const folder = join(config.dataDir, 'journal')
  const left = existsSync(folder) ? readdirSync(folder).filter((name) => /^journal-\w+\.\d+$/.test(name)).length : 0
  if (left === 0) return { level: 'ok', subject, message: 'not running' }
  return { level: 'ok', subject, message: `not running; usage in ${left} journal files is taken up at the next start` }
}
