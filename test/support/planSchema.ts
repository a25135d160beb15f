import { maxInputs, maxName, maxPath, maxRank, maxSteps, maxText } from '../../src/model/plan/limits';
import { planFunctions } from '../../src/model/plan/planFunctions';

/** media/forwardPlan.schema.json: what an editor completes and checks in a forward plan. The engine checks again. */
export function planSchema(): string {
  const name = { type: 'string', pattern: '^[A-Za-z]\\w*$', maxLength: maxName };
  const value = {
    type: ['number', 'boolean', 'string', 'null', 'array'],
    items: { type: 'integer', minimum: -1 },
    maxItems: maxRank,
  };
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Forward plan of Quantscope',
    type: 'object',
    additionalProperties: false,
    required: ['format', 'version', 'inputs', 'steps', 'outputs'],
    properties: {
      $schema: { type: 'string' },
      format: { const: 'quantscope-forward-plan' },
      version: { const: 1 },
      inputs: {
        type: 'array',
        minItems: 1,
        maxItems: maxInputs,
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['name', 'shape', 'dtype'],
          properties: {
            name,
            shape: { type: 'array', maxItems: maxRank, items: { type: 'integer', minimum: 0 } },
            dtype: { enum: ['float32', 'int64'] },
            high: { type: 'integer', minimum: 1, description: 'Random indices are drawn below it.' },
          },
        },
      },
      steps: {
        type: 'array',
        maxItems: maxSteps,
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['name', 'from'],
          properties: {
            name,
            from: { type: 'array', minItems: 1, maxItems: maxInputs, items: name },
            module: { type: 'string', maxLength: maxPath, description: 'Path of a module of the file.' },
            type: { type: 'string', pattern: '^[A-Z]\\w*$', description: 'Its class of torch.nn.' },
            function: { enum: [...planFunctions.keys()] },
            arguments: { type: 'object', additionalProperties: value },
            take: { type: 'array', maxItems: 4, items: { type: 'integer', minimum: 0 } },
            assumed: { type: 'string', maxLength: maxText, description: 'Why the step stands here.' },
          },
        },
      },
      outputs: { type: 'array', minItems: 1, maxItems: maxInputs, items: name },
    },
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}
