import type { ButtonHTMLAttributes } from 'preact';

/** A button that sends no form; what it is and does stands in its attributes. */
export function Button(props: ButtonHTMLAttributes<HTMLButtonElement>) {
  return <button type="button" {...props} />;
}
