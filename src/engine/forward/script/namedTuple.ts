import { invalid } from '../../../core/errors';
import type { Keywords, Value } from '../values/values';

/** Arguments of a record's constructor in the order of its fields; `defaults` fills what is left out. */
export function bindFields(
  name: string,
  fields: readonly string[],
  args: readonly Value[],
  keywords: Keywords,
  defaults: (field: string) => Value | undefined = () => undefined,
): Value[] {
  if (args.length > fields.length) {
    throw invalid(
      'E_RUN_ARGUMENT',
      `TypeError: ${name}() takes ${fields.length} arguments but ${args.length} were given`,
    );
  }
  for (const keyword of keywords.keys()) {
    if (!fields.includes(keyword))
      throw invalid('E_RUN_ARGUMENT', `TypeError: ${name}() got an unexpected keyword argument '${keyword}'`);
  }
  return fields.map((field, i) => {
    const value = i < args.length ? args[i] : (keywords.get(field) ?? defaults(field));
    if (value === undefined)
      throw invalid('E_RUN_ARGUMENT', `TypeError: ${name}() missing 1 required argument: '${field}'`);
    return value;
  });
}
