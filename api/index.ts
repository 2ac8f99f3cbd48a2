export { type AppParts, createApp } from './app.ts'
export { type ApiServer, type ServeApiOptions, serveApi } from './server.ts'
export { createTableSource, type TableSource, type TableView } from './table-source.ts'
