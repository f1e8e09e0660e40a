import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitStatements } from './split-statements.ts'

test('statements end at semicolons outside quotes and comments', () => {
  const text = `-- a; b
    CREATE TABLE a (x TEXT DEFAULT 'it''s; here', "odd;name" TEXT); /* ; */
    SELECT $$ one; two $$, $tag$ ; $tag$; ;
    INSERT INTO a -- inside; kept
      VALUES ('--', '/*')`
  expect(splitStatements(text)).toEqual([
    `CREATE TABLE a (x TEXT DEFAULT 'it''s; here', "odd;name" TEXT)`,
    'SELECT $$ one; two $$, $tag$ ; $tag$',
    `INSERT INTO a -- inside; kept\n      VALUES ('--', '/*')`,
  ])
})

test('the body of a SQLite trigger stays whole', () => {
  const trigger = `CREATE TEMP TRIGGER t BEFORE UPDATE ON a BEGIN
    SELECT CASE WHEN NEW.x THEN RAISE(ABORT, 'no; never') END;
    DELETE FROM b;
  END`
  expect(splitStatements(`${trigger};\nSELECT 1;`)).toEqual([trigger, 'SELECT 1'])
})

test('a PostgreSQL trigger, which has no body, ends at its semicolon', () => {
  const trigger = 'CREATE TRIGGER t BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION refuse()'
  expect(splitStatements(`${trigger}; SELECT 1`)).toEqual([trigger, 'SELECT 1'])
})

test('joined statements come apart again, whatever text they quote', () => {
  const statement = fc.string().map((text) => `SELECT '${text.replaceAll("'", "''")}'`)
  fc.assert(
    fc.property(fc.array(statement), (statements) => {
      expect(splitStatements(statements.join(';\n'))).toEqual(statements)
    }),
  )
})
