import { existsSync } from 'node:fs'

/** Names that the generated files use themselves. */
const TAKEN = [
  'definePrompt',
  'defineResource',
  'defineTool',
  'expect',
  'it',
  'prompt',
  'prompts',
  'resource',
  'resources',
  'tool',
  'toolContext',
  'tools',
  'z',
]

/** What can be generated: its folder, the type of its list, and a name as an example. */
const KINDS = {
  tool: { folder: 'tools', types: 'Tool', example: 'find_order' },
  resource: { folder: 'resources', types: 'Resource, ResourceTemplate', example: 'price_list' },
  prompt: { folder: 'prompts', types: 'Prompt', example: 'review_order' },
}

/** `npm run generate tool` asks for a name and writes the tool, its test and its line in the list; so do resource and prompt. */
export default function plopfile(plop) {
  const kebabCase = plop.getHelper('kebabCase')
  const camelCase = plop.getHelper('camelCase')

  function problemOf(name, folder, example) {
    if (!/^[a-z][a-z0-9]*([_-][a-z0-9]+)*$/.test(name)) {
      return `Lower-case words joined by _ or -, such as ${example}`
    }
    if (TAKEN.includes(camelCase(name)) || !isVariable(camelCase(name))) {
      return `${name} means something else in JavaScript or here; add a word, such as ${name}_order`
    }
    const files = [
      `src/${folder}/${kebabCase(name)}.ts`,
      `test/${folder}/${kebabCase(name)}.test.ts`,
    ]
    const there = files.find((file) => existsSync(file))
    return there && `${there} is there already; choose another name`
  }

  for (const [kind, { folder, types, example }] of Object.entries(KINDS)) {
    plop.setGenerator(kind, {
      description: `A ${kind} with its test, added to src/${folder}/index.ts`,
      prompts: [
        {
          type: 'input',
          name: 'name',
          message: `Name of the ${kind}, such as ${example}:`,
          validate: (name) => problemOf(name, folder, example) ?? true,
        },
      ],
      actions: [
        {
          type: 'add',
          path: `src/${folder}/{{kebabCase name}}.ts`,
          templateFile: `plop/${kind}.ts.template`,
        },
        {
          type: 'add',
          path: `test/${folder}/{{kebabCase name}}.test.ts`,
          templateFile: `plop/${kind}.test.ts.template`,
        },
        {
          type: 'append',
          path: `src/${folder}/index.ts`,
          pattern: `import type { ${types} } from '@mcp-prod/tools'`,
          template: "import { {{camelCase name}} } from './{{kebabCase name}}.js'",
        },
        {
          type: 'modify',
          path: `src/${folder}/index.ts`,
          pattern: `  // \`npm run generate ${kind}\``,
          template: `  {{camelCase name}},\n  // \`npm run generate ${kind}\``,
        },
      ],
    })
  }
}

function isVariable(name) {
  try {
    // Only parsed, never run, and made of letters and digits alone.
    new Function(`"use strict"; let ${name}`)
    return true
  } catch {
    return false
  }
}
