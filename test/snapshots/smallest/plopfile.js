import { existsSync } from 'node:fs'

/** Names that the files of a tool use themselves. */
const TAKEN = ['defineTool', 'expect', 'it', 'tool', 'toolContext', 'tools', 'z']

/** `npm run generate tool` asks for a name and writes the tool, its test and its line in the list. */
export default function plopfile(plop) {
  const kebabCase = plop.getHelper('kebabCase')
  const camelCase = plop.getHelper('camelCase')

  function problemOf(name) {
    if (!/^[a-z][a-z0-9]*([_-][a-z0-9]+)*$/.test(name)) {
      return 'Lower-case words joined by _ or -, such as find_order'
    }
    if (TAKEN.includes(camelCase(name)) || !isVariable(camelCase(name))) {
      return `${name} means something else in JavaScript or here; add a word, such as ${name}_order`
    }
    const files = [`src/tools/${kebabCase(name)}.ts`, `test/tools/${kebabCase(name)}.test.ts`]
    const there = files.find((file) => existsSync(file))
    return there && `${there} is there already; choose another name`
  }

  plop.setGenerator('tool', {
    description: 'A tool with its test, added to src/tools/index.ts',
    prompts: [
      {
        type: 'input',
        name: 'name',
        message: 'Name of the tool, such as find_order:',
        validate: (name) => problemOf(name) ?? true,
      },
    ],
    actions: [
      {
        type: 'add',
        path: 'src/tools/{{kebabCase name}}.ts',
        templateFile: 'plop/tool.ts.template',
      },
      {
        type: 'add',
        path: 'test/tools/{{kebabCase name}}.test.ts',
        templateFile: 'plop/tool.test.ts.template',
      },
      {
        type: 'append',
        path: 'src/tools/index.ts',
        pattern: "import type { Tool } from '@mcp-prod/tools'",
        template: "import { {{camelCase name}} } from './{{kebabCase name}}.js'",
      },
      {
        type: 'modify',
        path: 'src/tools/index.ts',
        pattern: '  // `npm run generate tool`',
        template: '  {{camelCase name}},\n  // `npm run generate tool`',
      },
    ],
  })
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
