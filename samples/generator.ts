import type { Event } from '../events/index.ts'
import {
  buttons,
  countries,
  devices,
  errors,
  pages,
  products,
  queries,
  type SampleEventType,
  typeWeights,
} from './catalog.ts'
import { createRandom, type Random } from './random.ts'

/** Customers of an invented shop, one event after the other: for the sample file and for `produce --demo`. */
export interface EventGenerator {
  /**
   * The event that arrives at `arrivalMs`. It happened up to five minutes before, most often less than two seconds, so
   * arrivals in order make events somewhat out of order.
   */
  next(arrivalMs: number): Event
}

const knownUsers = 4_000
const maxDelayMs = 300_000

/** The same seed gives the same events; their ids begin with it. */
export function createEventGenerator(seed: number): EventGenerator {
  const random = createRandom(seed)
  let sequence = 0
  let signups = 0
  return {
    next(arrivalMs) {
      sequence++
      const eventType = pickType(random)
      const user = eventType === 'signup' ? knownUsers + ++signups : random.skewed(knownUsers)
      // Some look around without being logged in.
      const isAnonymous = (eventType === 'view' || eventType === 'search') && random.below(6) === 0
      const { value, details } = describe(eventType, random)
      const properties = {
        country: countryOf(user),
        device: random.pick(devices),
        ...details,
      }
      return {
        eventId: `${seed.toString(36)}-${sequence}`,
        eventType,
        timestampMs: arrivalMs - delayMs(random),
        userId: isAnonymous ? null : `user-${user}`,
        value,
        properties: JSON.stringify(properties),
      }
    },
  }
}

function pickType(random: Random): SampleEventType {
  let draw = random.below(1_000)
  for (const [type, weight] of typeWeights) {
    if (draw < weight) return type
    draw -= weight
  }
  throw new Error('the weights of the sample types do not add up to 1,000')
}

/** A customer lives in one country, for good. */
function countryOf(user: number): string {
  const random = createRandom(user)
  return countries[random.skewed(countries.length)] ?? 'SE'
}

function delayMs(random: Random): number {
  const kind = random.below(100)
  if (kind < 90) return random.below(2_000)
  return random.below(kind < 99 ? 60_000 : maxDelayMs)
}

interface Description {
  value: number | null
  details: Readonly<Record<string, string | number>>
}

function describe(type: SampleEventType, random: Random): Description {
  switch (type) {
    case 'view':
      return { value: null, details: { page: random.pick(pages) } }
    case 'click':
      return { value: null, details: { page: random.pick(pages), button: random.pick(buttons) } }
    case 'search':
      return { value: random.skewed(200), details: { query: random.pick(queries) } }
    case 'add_to_cart': {
      const [product, cents] = random.pick(products)
      return { value: cents / 100, details: { product } }
    }
    case 'purchase': {
      const items = 1 + random.skewed(6)
      let cents = 0
      for (let item = 0; item < items; item++) cents += random.pick(products)[1]
      return { value: cents / 100, details: { items, currency: 'EUR' } }
    }
    case 'login':
      return { value: null, details: { method: random.below(4) === 0 ? 'link' : 'password' } }
    case 'signup':
      return { value: null, details: { source: random.below(3) === 0 ? 'friend' : 'search' } }
    case 'error':
      return { value: null, details: { code: random.pick(errors) } }
  }
}
