import { defineResource, defineResourceTemplate } from '@mcp-prod/tools'
import { PIXEL } from './media.js'

/** What the conformance suite reads. */
export const resources = [
  defineResource({
    name: 'static-text',
    title: 'Static text',
    uri: 'test://static-text',
    description: 'A static text resource for testing',
    mimeType: 'text/plain',
    run: () => 'This is the content of the static text resource.',
  }),
  defineResource({
    name: 'static-binary',
    uri: 'test://static-binary',
    description: 'A static image for testing',
    mimeType: 'image/png',
    run: () => Buffer.from(PIXEL, 'base64'),
  }),
  defineResource({
    name: 'watched-resource',
    uri: 'test://watched-resource',
    description: 'A resource to subscribe to',
    mimeType: 'text/plain',
    run: () => 'Watched resource content',
  }),
  defineResourceTemplate({
    name: 'template',
    uriTemplate: 'test://template/{id}/data',
    description: 'A resource template with parameter substitution',
    mimeType: 'application/json',
    run: ({ variables: { id } }) =>
      JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
  }),
]
