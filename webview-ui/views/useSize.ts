import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

/** An element and what is measured of it, in pixels, whenever its size changes; `again` where another element takes its place. */
export function useSize(
  measure: (element: HTMLElement) => number,
  first = 0,
  again?: unknown,
): readonly [RefObject<HTMLDivElement>, number] {
  const element = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState(first);
  useEffect(() => {
    const target = element.current;
    if (target === null) return;
    const observer = new ResizeObserver(() => setSize(measure(target)));
    observer.observe(target);
    return () => observer.disconnect();
  }, [again]);
  return [element, size];
}
