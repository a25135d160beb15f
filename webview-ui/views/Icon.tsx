/** A codicon that says nothing to a screen reader: the text beside it does. */
export function Icon({ name, kind }: { readonly name: string; readonly kind?: 'pass' | 'warning' | 'error' }) {
  return <span class={`codicon codicon-${name}${kind === undefined ? '' : ` icon-${kind}`}`} aria-hidden="true" />;
}
