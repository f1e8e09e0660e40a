// A person in the database of whom nothing matters but that they are there: keys, settings and the like are theirs.
import type { Database } from '../../server/database/database.ts'
import { createUuid } from '../../server/kernel/ids.ts'

export async function addPlainUser(database: Database, id: string = createUuid()): Promise<string> {
  await database.query
    .insertInto('users')
    .values({
      id,
      email: `${id}@example.test`,
      name: 'A',
      password_hash: null,
      role: 'user',
      is_active: true,
      fallback: '"allow"',
      auth_gen: 1,
      last_login_at: null,
      created_at: 1,
      updated_at: 1,
    })
    .execute()
  return id
}
