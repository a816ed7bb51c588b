import {
  acceptedContent,
  defineTool,
  inputRequired,
  inputResponse,
  type RunContext,
} from '@mcp-prod/tools'
import { z } from 'zod'

type Ask = Parameters<RunContext['requireInput']>[0]

const input = z.object({})
const nameSchema = z.object({ name: z.string() })
const okSchema = z.object({ ok: z.boolean() })

const elicit = (message: string, requestedSchema: z.ZodObject) =>
  inputRequired.elicit({ message, requestedSchema })
const sample = (text: string, maxTokens = 100) =>
  inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text } }],
    maxTokens,
  })

/** A tool that asks once and then tells what it was answered. */
function asking(name: string, ask: Ask, tell: (context: RunContext) => string | undefined) {
  return defineTool({
    name,
    description: 'Asks its client for more',
    input,
    run: (_input, context) => tell(context) ?? context.requireInput(ask),
  })
}

const sampled = ({ inputResponses }: RunContext, key: string) => {
  const answer = inputResponse(inputResponses, key)
  return answer.kind === 'sampling' ? JSON.stringify(answer.result.content) : undefined
}

const rooted = ({ inputResponses }: RunContext, key: string) => {
  const answer = inputResponse(inputResponses, key)
  return answer.kind === 'roots' ? JSON.stringify(answer.roots) : undefined
}

const named = ({ inputResponses }: RunContext) =>
  acceptedContent(inputResponses, 'user_name', nameSchema)?.name

/** What the conformance suite calls for input that is required (2026-07-28). */
export const inputTools = [
  asking(
    'test_input_required_result_elicitation',
    { inputRequests: { user_name: elicit('What is your name?', nameSchema) } },
    (context) => named(context) && `Hello, ${named(context)}!`,
  ),
  asking(
    'test_input_required_result_sampling',
    { inputRequests: { capital_question: sample('What is the capital of France?') } },
    (context) => sampled(context, 'capital_question'),
  ),
  asking(
    'test_input_required_result_list_roots',
    { inputRequests: { client_roots: inputRequired.listRoots() } },
    (context) => rooted(context, 'client_roots'),
  ),
  ...['test_input_required_result_request_state', 'test_input_required_result_tampered_state'].map(
    (name) =>
      asking(
        name,
        { inputRequests: { confirm: elicit('Please confirm', okSchema) }, state: 'asked' },
        ({ inputResponses, requestState }) =>
          acceptedContent(inputResponses, 'confirm', okSchema) && requestState === 'asked'
            ? 'state-ok'
            : undefined,
      ),
  ),
  asking(
    'test_input_required_result_multiple_inputs',
    {
      inputRequests: {
        user_name: elicit('What is your name?', nameSchema),
        greeting: sample('Generate a greeting', 50),
        client_roots: inputRequired.listRoots(),
      },
      state: 'asked',
    },
    (context) => {
      const answers = [
        named(context),
        sampled(context, 'greeting'),
        rooted(context, 'client_roots'),
      ]
      return answers.every(Boolean) ? answers.join(', ') : undefined
    },
  ),
  defineTool({
    name: 'test_input_required_result_multi_round',
    description: 'Asks its client twice',
    input,
    run(_input, { inputResponses, requestState, requireInput }) {
      const colorSchema = z.object({ color: z.string() })
      const { name } = acceptedContent(inputResponses, 'step1', nameSchema) ?? {}
      const { color } = acceptedContent(inputResponses, 'step2', colorSchema) ?? {}
      const known = (requestState as { name?: string } | undefined)?.name
      if (known && color) return `${known} likes ${color}`
      if (!known && !name) {
        const step1 = elicit('Step 1: What is your name?', nameSchema)
        return requireInput({ inputRequests: { step1 }, state: { round: 1 } })
      }
      const step2 = elicit('Step 2: What is your favorite color?', colorSchema)
      return requireInput({ inputRequests: { step2 }, state: { round: 2, name: known ?? name } })
    },
  }),
  defineTool({
    name: 'test_input_required_result_capabilities',
    description: 'Asks only for what its client can do',
    input,
    run(_input, { clientCapabilities, requireInput }) {
      const inputRequests = {
        ...(clientCapabilities?.sampling && { question: sample('What is the capital of France?') }),
        ...(clientCapabilities?.elicitation && { user_name: elicit('Your name?', nameSchema) }),
      }
      return Object.keys(inputRequests).length > 0
        ? requireInput({ inputRequests })
        : 'nothing asked'
    },
  }),
  asking(
    'test_missing_capability',
    { inputRequests: { question: sample('What is the capital of France?') } },
    (context) => sampled(context, 'question'),
  ),
]
