import Router from '@koa/router'
import { parseEventsQuery } from '../parameters.ts'
import { freshnessAnswer } from '../query/freshness.ts'
import type { Metrics } from '../query/metrics.ts'

/**
 * GET /analytics/events?event_type=&from=&to= → 200 { event_type, total_events, as_of, watermark, complete } | 400 | 404
 * Counts the events of a type in [from, to), late ones included.
 */
export function analyticsEventsRoute(metrics: Metrics): Router {
  const router = new Router()
  router.get('/analytics/events', async (ctx) => {
    const { eventType, interval } = parseEventsQuery(ctx.query)
    const { value, freshness } = await metrics.eventTotal(eventType, interval)
    ctx.body = { event_type: eventType, total_events: value, ...freshnessAnswer(freshness, interval) }
  })
  return router
}
