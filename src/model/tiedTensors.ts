import { numel } from '../core/shape';
import type { ModelFile, NamedTensor } from '../formats/types';

/**
 * Tensors that are one and the same: by the name of the later ones, the name of the first that has
 * the same bytes in the same shape, and what the file itself says to be tied.
 */
export function tiedTensors({ tensors, tied }: ModelFile): ReadonlyMap<string, string> {
  const found = new Map(tied);
  const byStorage = new Map<string, NamedTensor[]>();
  for (const one of tensors) {
    const { storage, shape } = one.tensor;
    // Formats in which tensors cannot share bytes give their storages no key.
    if (storage.key === '' || numel(shape) === 0) continue;
    const place = `${storage.entry}\n${storage.key}`;
    const others = byStorage.get(place);
    if (others === undefined) byStorage.set(place, [one]);
    else {
      const same = others.find((other) => sameView(other, one));
      if (same !== undefined) found.set(one.name, same.name);
      else if (others.length < maxViews) others.push(one);
    }
  }
  return found;
}

/** Different views of one storage that are compared; flattened parameters have some hundred. */
const maxViews = 1_000;

function sameView({ tensor: a }: NamedTensor, { tensor: b }: NamedTensor): boolean {
  return (
    a.storageOffset === b.storageOffset &&
    a.dtype === b.dtype &&
    a.shape.length === b.shape.length &&
    a.shape.every((size, i) => size === b.shape[i] && a.strides[i] === b.strides[i])
  );
}
