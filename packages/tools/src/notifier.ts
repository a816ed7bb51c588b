import {
  InMemoryServerEventBus,
  type ServerEvent,
  type ServerEventBus,
  type ServerNotifier,
} from '@modelcontextprotocol/server'

/** The events of one server, and how they are told. */
export interface Events {
  readonly bus: ServerEventBus
  readonly notify: ServerNotifier
  /** Takes another bus in the place of one that nobody chose. False if one was chosen. */
  adopt(bus: ServerEventBus): boolean
}

/** Events on the owner's bus or, without one, in this process. */
export function serverEvents(chosen: ServerEventBus | undefined): Events {
  let bus = chosen ?? new InMemoryServerEventBus()
  const publish = (event: ServerEvent) => bus.publish(event)
  return {
    get bus() {
      return bus
    },
    notify: {
      toolsChanged: () => publish({ kind: 'tools_list_changed' }),
      promptsChanged: () => publish({ kind: 'prompts_list_changed' }),
      resourcesChanged: () => publish({ kind: 'resources_list_changed' }),
      resourceUpdated: (uri) => publish({ kind: 'resource_updated', uri }),
    },
    adopt(other) {
      if (!chosen) bus = other
      return !chosen || chosen === other
    },
  }
}
