import type { InspectorDocument } from '../inspector/inspectorDocument';
import { forwardSeed } from '../settings';

/** Runs the whole model on its proposed inputs. */
export async function runWhole(document: InspectorDocument): Promise<void> {
  const { whole } = document.snapshot;
  if (whole === null) return;
  await document.runForward({
    module: '',
    seed: forwardSeed(),
    shapes: whole.inputs.map(({ shape }) => shape),
    ...document.code.chosen,
  });
}
