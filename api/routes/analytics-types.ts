import Router from '@koa/router'
import { parseIntervalQuery } from '../parameters.ts'
import { freshnessAnswer } from '../query/freshness.ts'
import type { Metrics } from '../query/metrics.ts'
import { typeTotalsAnswer } from '../query/type-totals.ts'

/** GET /analytics/types?from=&to= → 200 { types: TypeTotalsAnswer[], as_of, watermark, complete } | 400 */
export function analyticsTypesRoute(metrics: Metrics): Router {
  const router = new Router()
  router.get('/analytics/types', async (ctx) => {
    const interval = parseIntervalQuery(ctx.query)
    const { value, freshness } = await metrics.typeTotals(interval)
    ctx.body = { types: value.map(typeTotalsAnswer), ...freshnessAnswer(freshness, interval) }
  })
  return router
}
