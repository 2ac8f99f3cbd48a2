import Koa from 'koa'
import type { Logger } from '../runtime/log.ts'
import { problemAnswers } from './problem-answers.ts'
import { createMetrics } from './query/metrics.ts'
import { nearestWords } from './query/nearest-words.ts'
import { analyticsEventsRoute } from './routes/analytics-events.ts'
import { analyticsTypesRoute } from './routes/analytics-types.ts'
import { endpoints, homeRoutes } from './routes/home.ts'
import type { TableSource } from './table-source.ts'

export interface AppParts {
  table: TableSource
  log: Logger
}

/** The whole HTTP surface: snake_case JSON, and problems (RFC 9457) for everything that is not a 200. */
export function createApp({ table, log }: AppParts): Koa {
  const paths = endpoints.map(({ path }) => path)
  const metrics = createMetrics(table)
  const app = new Koa()
  // What reaches koa itself is a client that hung up, or a bug in the answers to errors.
  app.on('error', (error: unknown) => log.warn('answer not sent', { error }))
  app.use(async (ctx, next) => {
    ctx.set('x-content-type-options', 'nosniff')
    ctx.set('cache-control', 'no-store')
    await next()
  })
  app.use(problemAnswers({ log, nearestPath: (path) => nearestWords(path, paths, 1)[0] ?? null }))
  for (const router of [homeRoutes(), analyticsTypesRoute(metrics), analyticsEventsRoute(metrics)]) {
    app.use(router.routes())
    app.use(router.allowedMethods())
  }
  return app
}
