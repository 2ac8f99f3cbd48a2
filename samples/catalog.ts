/** The invented shop that the sample events come from. Nobody and nothing in it is real. */

/** Of 1,000 events, how many are of each type. */
export const typeWeights = [
  ['view', 430],
  ['click', 290],
  ['search', 100],
  ['add_to_cart', 70],
  ['login', 50],
  ['purchase', 32],
  ['error', 20],
  ['signup', 8],
] as const

export type SampleEventType = (typeof typeWeights)[number][0]

/** The first ones have by far the most customers. */
export const countries = ['SE', 'DE', 'US', 'FR', 'NO', 'GB', 'NL', 'ES', 'PL', 'JP', 'BR', 'IN'] as const
export const devices = ['phone', 'phone', 'phone', 'desktop', 'desktop', 'tablet'] as const
export const pages = ['/', '/new', '/sale', '/shelves', '/lamps', '/chairs', '/cart', '/help'] as const
export const buttons = ['menu', 'photo', 'size', 'reviews', 'filter', 'share'] as const
export const queries = ['oak shelf', 'desk lamp', 'stool', 'blue chair', 'bookend', 'hook', 'mirror'] as const
export const errors = ['card_declined', 'out_of_stock', 'timeout', 'bad_address'] as const

/** Name and price in cents. */
export const products: readonly (readonly [name: string, cents: number])[] = [
  ['hook', 495],
  ['bookend', 1_290],
  ['desk lamp', 3_990],
  ['stool', 4_950],
  ['mirror', 7_900],
  ['blue chair', 11_900],
  ['oak shelf', 18_950],
  ['reading lamp', 24_900],
]

/** How busy each hour of the day is, by UTC, and each day of the week from Monday. */
export const hourWeights = [
  2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 11, 12, 13, 12, 11, 11, 12, 14, 17, 20, 19, 14, 8, 4,
]
export const dayWeights = [9, 9, 10, 10, 12, 15, 14]
