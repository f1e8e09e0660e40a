// The rules of the house (ARCHITECTURE.md), as functions over source texts: imports go down only, rooms keep their
// inside to themselves, nothing goes in circles, and what grows too long says why.
import { posix } from 'node:path'
import * as ts from 'typescript'

/** From the bottom of the house to its top; a room may import those before it. */
const ROOMS = [
  'kernel',
  'config',
  'protocols',
  'catalog',
  'providers',
  'vault',
  'database',
  'upstream',
  'http',
  'features',
  'gateway',
  'app',
  'main',
  'cli',
] as const

interface Import {
  readonly specifier: string
  /** The path of the file it names, or null for a package or a module of Node's. */
  readonly target: string | null
  readonly typeOnly: boolean
  readonly line: number
}

interface SourceFile {
  /** Relative to the root of the checkout, with forward slashes. */
  readonly path: string
  readonly text: string
}

interface ParsedFile extends SourceFile {
  readonly imports: readonly Import[]
  readonly syntax: ts.SourceFile
}

interface Problem {
  readonly path: string
  readonly line: number
  readonly message: string
}

/** Everything that breaks a rule, in the order of the files. */
export function findProblems(files: readonly SourceFile[]): Problem[] {
  const parsed = files.map(parseFile)
  const byPath = new Map(parsed.map((file) => [file.path, file]))
  return [
    ...parsed.flatMap((file) => [
      ...file.imports.flatMap((found) =>
        checkImport(file, found, byPath).map((message) => ({ path: file.path, line: found.line, message })),
      ),
      ...checkShape(file),
      ...checkSizes(file),
      ...checkProviderNames(file),
      ...checkComponent(file),
    ]),
    ...findCycles(byPath),
  ]
}

function parseFile(file: SourceFile): ParsedFile {
  const script = file.path.endsWith('.vue') ? readScript(file.text) : file.text
  const syntax = ts.createSourceFile(file.path.replace(/\.vue$/, '.vue.ts'), script, ts.ScriptTarget.Latest, true)
  const imports: Import[] = []
  const add = (node: ts.Node, specifier: ts.Expression, typeOnly: boolean): void => {
    if (!ts.isStringLiteralLike(specifier)) return
    const text = specifier.text
    const target = text.startsWith('.') ? posix.join(posix.dirname(file.path), text) : null
    imports.push({ specifier: text, target, typeOnly, line: lineOf(syntax, node.getStart()) })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, isTypeOnly(node.importClause))
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier) add(node, node.moduleSpecifier, node.isTypeOnly)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node, node.argument.literal, true)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword && node.arguments[0]) {
      add(node, node.arguments[0], false)
    }
    ts.forEachChild(node, visit)
  }
  visit(syntax)
  return { ...file, syntax, imports }
}

/** The script of a component, on its own lines: the rest is blank. */
function readScript(text: string): string {
  const found = /<script[^>]*>([\s\S]*?)<\/script>/.exec(text)
  if (!found) return ''
  const start = found.index + found[0].indexOf('>') + 1
  return text.slice(0, start).replaceAll(/[^\n]/g, '') + found[1]
}

/** `import type …`, or an import whose every name is marked `type`. */
function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true
  const names = clause.namedBindings
  return clause.name === undefined && names !== undefined && ts.isNamedImports(names) && names.elements.length > 0
    ? names.elements.every((element) => element.isTypeOnly)
    : false
}

/** Tests, and the files beside them that only tests use (`testing.ts`). */
const isTest = (path: string): boolean => path.endsWith('.test.ts') || path.endsWith('/testing.ts')

/** `contract`, `web`, a room of the server, or null for what lies outside the house (scripts, test, bench). */
function roomOf(path: string): string | null {
  const [first, second = ''] = path.split('/')
  if (first === 'contract') return 'contract'
  if (first === 'web') return 'web'
  if (first !== 'server') return null
  return second.replace(/\.ts$/, '')
}

function checkImport(file: ParsedFile, found: Import, files: ReadonlyMap<string, ParsedFile>): string[] {
  const room = roomOf(file.path)
  if (room === null) return []
  const { target } = found
  if (target !== null && !isInsideAllowed(file.path, target)) {
    return [`${target} is private to ${target.slice(0, target.indexOf('/internal/'))}`]
  }
  // Tests may stand on anything, but not on the inside of another room.
  if (isTest(file.path)) return []
  if (target === null) return checkPackage(room, found)
  const targetRoom = roomOf(target)
  if (targetRoom === null || isTest(target)) return [`${target} is not part of the server; the server cannot need it`]
  if (room === 'web') return checkWebImport(targetRoom, found)
  if (room === 'contract') return targetRoom === 'contract' ? [] : ['contract/ imports nothing but zod']
  if (targetRoom === 'contract') {
    return room === 'protocols' ? ['protocols/ may use only pure files of kernel/'] : []
  }
  return checkOrder(file.path, room, target, targetRoom, found, files)
}

function checkPackage(room: string, { specifier }: Import): string[] {
  if (room === 'contract' && specifier !== 'zod') return ['contract/ imports nothing but zod']
  if (room === 'protocols') return ['protocols/ is pure: no package and no module of Node']
  return []
}

function checkWebImport(targetRoom: string, found: Import): string[] {
  if (targetRoom === 'web') return []
  if (targetRoom !== 'contract') return ['the web knows the server by contract/ only']
  return found.typeOnly ? [] : ['the web takes only types from contract/: write `import type`']
}

function checkOrder(
  path: string,
  room: string,
  target: string,
  targetRoom: string,
  found: Import,
  files: ReadonlyMap<string, ParsedFile>,
): string[] {
  const [height, targetHeight] = [room, targetRoom].map((name) => ROOMS.findIndex((known) => known === name))
  if (height === -1) return [`server/${room} is no room of the house; the rooms are listed in scripts/house-rules.ts`]
  if (targetHeight! > height!) return [`imports go down only: ${room} lies below ${targetRoom}`]
  if (room === 'protocols' && targetRoom !== 'protocols' && !(targetRoom === 'kernel' && isPure(target, files))) {
    return [`protocols/ may use only pure files of kernel/; ${target} is not one`]
  }
  return room === 'features' && targetRoom === 'features' ? checkSlices(path, target, found) : []
}

/** Arithmetic that several slices need, and that knows nothing of its own slice. */
const SHARED_BETWEEN_SLICES: ReadonlySet<string> = new Set(['server/features/limits/gcra.ts'])

/** A slice knows another one by its types only: the other itself is handed in by app.ts. */
function checkSlices(path: string, target: string, found: Import): string[] {
  const [slice, other] = [path, target].map((name) => name.split('/')[2]!)
  if (slice === other || found.typeOnly || SHARED_BETWEEN_SLICES.has(target)) return []
  return [`slice ${slice} may take only types from slice ${other}; what it calls is handed in by app.ts`]
}

/** May this file see the other, as far as `internal/` folders go? */
function isInsideAllowed(path: string, target: string): boolean {
  const inside = target.indexOf('/internal/')
  return inside === -1 || path.startsWith(`${target.slice(0, inside)}/`)
}

/** No package, no module of Node, and only files of which the same is true. */
function isPure(path: string, files: ReadonlyMap<string, ParsedFile>, seen: ReadonlySet<string> = new Set()): boolean {
  const file = files.get(path)
  if (file === undefined || seen.has(path)) return true
  const next = new Set([...seen, path])
  return file.imports.every((found) => found.target !== null && isPure(found.target, files, next))
}

/** A file that only passes on what others export hides where things live. */
function checkShape(file: ParsedFile): Problem[] {
  const { statements } = file.syntax
  const isBarrel =
    statements.length > 0 &&
    statements.every((statement) => ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined)
  if (!isBarrel) return []
  return [{ path: file.path, line: 1, message: 'only passes on what other files export; import from those instead' }]
}

const LONGEST_FILE = 400
const LONGEST_APP = 150
const LONGEST_COMPONENT = 250
const LONGEST_FUNCTION = 60
const REASON = /^\s*\/\/ size: \S/
/** How far down a file the reason for its length may stand. */
const HEADER_LINES = 15

/**
 * Size alarms: what is longer needs a written reason, `// size: …`, at the head of the file or above the function. In
 * protocols/ no reason is good enough for a file, not even for a test.
 */
function checkSizes(file: ParsedFile): Problem[] {
  const strict = roomOf(file.path) === 'protocols'
  if (isTest(file.path) && !strict) return []
  const lines = file.text.split('\n')
  const problems: Problem[] = []
  const count = lines.length - (lines.at(-1) === '' ? 1 : 0)
  const most =
    file.path === 'server/app.ts' ? LONGEST_APP : file.path.endsWith('.vue') ? LONGEST_COMPONENT : LONGEST_FILE
  if (count > most && (strict || !lines.slice(0, HEADER_LINES).some((line) => REASON.test(line)))) {
    const how = strict ? 'split it by meaning' : 'split it by meaning, or say why in a line "// size: …"'
    problems.push({ path: file.path, line: 1, message: `${count} lines, more than ${most}: ${how}` })
  }
  if (isTest(file.path)) return problems
  const visit = (node: ts.Node): void => {
    if (isFunction(node)) {
      const own = countOwnLines(file.syntax, node)
      const line = lineOf(file.syntax, node.getStart())
      if (own > LONGEST_FUNCTION && !hasReason(lines, line)) {
        problems.push({
          path: file.path,
          line,
          message: `a function of ${own} lines, more than ${LONGEST_FUNCTION}: split it by meaning, or say why in a line "// size: …" above it`,
        })
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(file.syntax)
  return problems
}

type FunctionNode =
  ts.FunctionDeclaration | ts.FunctionExpression | ts.ArrowFunction | ts.MethodDeclaration | ts.ConstructorDeclaration

function isFunction(node: ts.Node): node is FunctionNode {
  return (
    ts.isFunctionDeclaration(node) ||
    ts.isFunctionExpression(node) ||
    ts.isArrowFunction(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isConstructorDeclaration(node)
  )
}

/** Lines with code, without those of the functions inside it: a factory is as long as what it does itself. */
function countOwnLines(syntax: ts.SourceFile, node: FunctionNode): number {
  const own = new Set<number>()
  for (let line = lineOf(syntax, node.getStart()); line <= lineOf(syntax, node.getEnd()); line++) own.add(line)
  const removeInner = (child: ts.Node): void => {
    if (!isFunction(child)) return ts.forEachChild(child, removeInner)
    const [first, last] = [lineOf(syntax, child.getStart()), lineOf(syntax, child.getEnd())]
    for (let line = first + 1; line <= last; line++) own.delete(line)
  }
  ts.forEachChild(node, removeInner)
  const lines = syntax.text.split('\n')
  return [...own].filter((line) => !/^\s*(?:$|\/\/|\/?\*)/.test(lines[line - 1]!)).length
}

/** In the comment directly above a line. */
function hasReason(lines: readonly string[], line: number): boolean {
  for (let index = line - 2; index >= 0 && /^\s*(?:\/\/|\/?\*)/.test(lines[index]!); index--) {
    if (REASON.test(lines[index]!)) return true
  }
  return false
}

/** Names that are providers' only; `openai` and `anthropic` are also shapes of answers. */
const PROVIDERS_ONLY: ReadonlySet<string> = new Set(
  'google ollama vllm azure deepseek mistral groq xai together openrouter'.split(' '),
)

/** What is particular to a provider is data in providers/, so that one more is one more file there. */
function checkProviderNames(file: ParsedFile): Problem[] {
  const room = roomOf(file.path)
  if (room === null || room === 'web' || room === 'providers' || isTest(file.path)) return []
  const problems: Problem[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isSwitchStatement(node) && isAboutProviders(node)) {
      problems.push({
        path: file.path,
        line: lineOf(file.syntax, node.getStart()),
        message: 'a switch on names of providers: make it a field of Provider, which providers/ fills in',
      })
    }
    ts.forEachChild(node, visit)
  }
  visit(file.syntax)
  return problems
}

function isAboutProviders({ expression, caseBlock }: ts.SwitchStatement): boolean {
  const names = caseBlock.clauses.flatMap((clause) =>
    ts.isCaseClause(clause) && ts.isStringLiteralLike(clause.expression) ? [clause.expression.text] : [],
  )
  if (names.length === 0) return false
  return (
    /provider(?:id)?$|provider\.(?:id|name)$/i.test(expression.getText()) ||
    names.some((name) => PROVIDERS_ONLY.has(name))
  )
}

/** They write a `<style>` into the page, which the content security policy forbids. */
const STYLE_WRITERS = /\b(?:SelectViewport|ScrollArea\w*|ComboboxViewport)\b/

/** What a strict content security policy breaks in a page, before a browser has to tell. */
function checkComponent(file: ParsedFile): Problem[] {
  if (!file.path.endsWith('.vue')) return []
  const problems: Problem[] = []
  for (const [index, line] of file.text.split('\n').entries()) {
    const add = (message: string): void => void problems.push({ path: file.path, line: index + 1, message })
    if (/(?:^|\s)style="/.test(line)) add('a style attribute is lost under the content security policy: use classes')
    if (/\bv-html\b/.test(line)) add('no markup from texts: v-html runs what others wrote')
    if (STYLE_WRITERS.test(line)) add('this part of Reka writes a <style>, which the content security policy forbids')
  }
  return problems
}

/** Circles of imports, each told once. Types count: what needs each other to be understood belongs together. */
function findCycles(files: ReadonlyMap<string, ParsedFile>): Problem[] {
  const problems: Problem[] = []
  const done = new Set<string>()
  const walk = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start !== -1) {
      const circle = [...trail.slice(start), path]
      problems.push({ path, line: 1, message: `a circle of imports: ${circle.join(' → ')}` })
      return
    }
    if (done.has(path)) return
    for (const { target } of files.get(path)?.imports ?? []) if (target !== null) walk(target, [...trail, path])
    done.add(path)
  }
  for (const path of files.keys()) if (!isTest(path)) walk(path, [])
  return problems
}

function lineOf(syntax: ts.SourceFile, position: number): number {
  return syntax.getLineAndCharacterOfPosition(position).line + 1
}
