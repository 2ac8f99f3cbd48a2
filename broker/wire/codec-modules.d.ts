declare module 'snappyjs' {
  export function compress(uncompressed: Uint8Array): Uint8Array
  export function uncompress(compressed: Uint8Array, maxLength?: number): Uint8Array
}

declare module 'lz4js' {
  export function compress(src: Uint8Array, maxSize?: number): Uint8Array
}
