/** `npm run generate tool` asks for a name and writes the tool, its test and its line in the list. */
export default function plopfile(plop) {
  plop.setGenerator('tool', {
    description: 'A tool with its test, added to src/tools/index.ts',
    prompts: [
      {
        type: 'input',
        name: 'name',
        message: 'Name of the tool, such as find_order:',
        validate: (name) =>
          /^[a-z][a-z0-9]*([_-][a-z0-9]+)*$/.test(name) ||
          'Lower-case words joined by _ or -, such as find_order',
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
