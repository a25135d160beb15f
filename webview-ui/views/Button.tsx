import type { ButtonHTMLAttributes, ComponentChildren } from 'preact';
import { Icon } from './Icon';

type Attributes = ButtonHTMLAttributes<HTMLButtonElement>;

/** A button that sends no form; what it is and does stands in its attributes. */
export function Button(props: Attributes) {
  return <button type="button" {...props} />;
}

/** An icon alone; the label is its tooltip and what a screen reader says. */
export function IconButton({ icon, label, ...rest }: Attributes & { readonly icon: string; readonly label: string }) {
  return (
    <Button class="icon-button" title={label} aria-label={label} {...rest}>
      <Icon name={icon} />
    </Button>
  );
}

interface FoldProps {
  readonly open: boolean;
  readonly testId?: string;
  readonly children: ComponentChildren;
  onToggle(open: boolean): void;
}

/** The headline of a part that opens and closes. */
export function Fold({ open, testId, children, onToggle }: FoldProps) {
  return (
    <Button class="fold" aria-expanded={open} data-testid={testId} onClick={() => onToggle(!open)}>
      <Icon name={open ? 'chevron-down' : 'chevron-right'} /> {children}
    </Button>
  );
}
