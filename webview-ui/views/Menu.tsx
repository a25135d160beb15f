import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Button } from './Button';
import { Icon } from './Icon';

export interface MenuItem {
  readonly text: string;
  readonly detail?: string;
  /** Radio and check items have a state, others act and close. */
  readonly checked?: boolean;
  readonly radio?: boolean;
  readonly separator?: boolean;
  readonly testId?: string;
  readonly disabled?: boolean;
  run(): void;
}

interface Props {
  readonly label: string;
  readonly class: string;
  readonly testId?: string;
  readonly disabled?: boolean;
  readonly items: readonly MenuItem[];
  readonly children: ComponentChildren;
}

/** A button with a menu: arrows move, Escape closes, focus comes back. */
export function Menu({ label, class: name, testId, disabled, items, children }: Props) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const all = entries(box.current);
    (all.find((item) => item.ariaChecked === 'true') ?? all[0])?.focus();
    const close = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', close);
    return () => document.removeEventListener('pointerdown', close);
  }, [open]);
  const finish = () => {
    setOpen(false);
    box.current?.querySelector('button')?.focus();
  };
  const keys = (event: KeyboardEvent) => {
    if (!open) return;
    if (event.key === 'Escape' || event.key === 'Tab') {
      finish();
      event.stopPropagation();
      if (event.key === 'Escape') event.preventDefault();
      return;
    }
    const all = entries(box.current);
    const at = all.indexOf(document.activeElement as HTMLElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    all[next % all.length]?.focus();
  };
  return (
    <div class="menu-anchor" ref={box} onKeyDown={keys}>
      <Button
        class={name}
        data-testid={testId}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-label={label}
        title={label}
        disabled={disabled}
        onClick={() => setOpen(!open)}
      >
        {children}
      </Button>
      {open && (
        <div class="menu" role="menu" aria-label={label}>
          {items.map((item) => (
            <Entry key={item.text} item={item} close={finish} />
          ))}
        </div>
      )}
    </div>
  );
}

function entries(box: HTMLElement | null): HTMLElement[] {
  return [...(box?.querySelectorAll<HTMLElement>('[role^=menuitem]:not(:disabled)') ?? [])];
}

function Entry({ item, close }: { readonly item: MenuItem; close(): void }) {
  const { text, detail, checked, radio, separator, testId, disabled, run } = item;
  const role = checked === undefined ? 'menuitem' : radio ? 'menuitemradio' : 'menuitemcheckbox';
  return (
    <>
      {separator && <div class="separator" role="separator" />}
      <Button
        role={role}
        {...(checked === undefined ? {} : { 'aria-checked': checked })}
        tabIndex={-1}
        data-testid={testId}
        disabled={disabled}
        onClick={() => {
          run();
          if (role !== 'menuitemcheckbox') close();
        }}
      >
        <span class="check">{checked && <Icon name="check" />}</span>
        <span>
          {text}
          {detail !== undefined && <small class="muted">{detail}</small>}
        </span>
      </Button>
    </>
  );
}
