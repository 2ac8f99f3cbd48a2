import { DuckDBInstance } from '@duckdb/node-api'

/** Runs one statement in a fresh in-memory DuckDB and returns its rows as plain JSON values. */
export async function queryDuckDb(sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJson()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
