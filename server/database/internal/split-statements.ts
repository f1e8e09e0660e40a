// Cuts a migration file into its statements, so that each runs (and can fail, or be killed) on its own.
// Knows comments, quoted text and names, PostgreSQL's dollar quotes, and the body of a SQLite trigger, which ends at
// `END;` after a semicolon.

const TOKEN = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$\w*\$)[\s\S]*?\1|[A-Za-z_]\w*|;|\s+|[\s\S]/g

export function splitStatements(text: string): string[] {
  const statements: string[] = []
  let statement = ''
  let words: string[] = []

  function finish(): void {
    if (words.length > 0) statements.push(statement.trim())
    statement = ''
    words = []
  }

  for (const [token] of text.matchAll(TOKEN)) {
    if (isBlank(token)) {
      // A comment inside a statement stays with it; one before it belongs to the file.
      if (words.length > 0) statement += token
    } else if (token === ';' && !isInsideTrigger(words)) {
      finish()
    } else {
      statement += token
      words.push(token.toLowerCase())
    }
  }
  finish()
  return statements
}

function isBlank(token: string): boolean {
  return token.startsWith('--') || token.startsWith('/*') || token.trim() === ''
}

function isInsideTrigger(words: readonly string[]): boolean {
  const [first, second, third] = words
  const isTrigger = first === 'create' && (second === 'trigger' || (isTemporary(second) && third === 'trigger'))
  if (!isTrigger || !words.includes('begin')) return false
  return !(words.at(-1) === 'end' && words.at(-2) === ';')
}

function isTemporary(word: string | undefined): boolean {
  return word === 'temp' || word === 'temporary'
}
