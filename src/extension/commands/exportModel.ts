import * as vscode from 'vscode';
import { toErrorDetails } from '../../core/errors';
import { sayAssumption, sayEngineText } from '../../protocol/engineText';
import { defaultShardBytes, type ExportFormat, type ExportRequestDto } from '../../protocol/exportDto';
import type { ForwardPlanDto } from '../../protocol/planDto';
import { errorText } from '../errorText';
import type { InspectorDocument } from '../inspector/inspectorDocument';
import { withNotification } from '../progressText';
import type { Services } from '../services';
import { suggestedFile } from './suggestedFile';
import { writeExport } from './writeExport';

interface Choice extends vscode.QuickPickItem {
  readonly format: ExportFormat;
  readonly suffix: string;
  readonly layout: ExportRequestDto['layout'];
}

function choices(document: InspectorDocument): Choice[] {
  return [
    {
      label: 'PyTorch',
      description: vscode.l10n.t('the state dict that quantize_dynamic saves'),
      format: 'torch',
      suffix: 'pt',
      layout: 'state_dict',
    },
    {
      label: 'PyTorch, set_weight_bias',
      description: vscode.l10n.t('plain tensors that load with weights_only=True'),
      format: 'torch',
      suffix: 'pt',
      layout: 'set_weight_bias',
    },
    ...(document.snapshot.model?.holdsModules === true ? [wholeModule()] : []),
    {
      label: 'safetensors',
      description: vscode.l10n.t('int8 weights with scales and zero points'),
      format: 'safetensors',
      suffix: 'safetensors',
      layout: 'state_dict',
    },
    {
      label: 'ONNX',
      description: vscode.l10n.t('a graph that ONNX Runtime runs, activations quantized at every run'),
      format: 'onnx',
      suffix: 'onnx',
      layout: 'state_dict',
    },
    {
      label: 'NumPy',
      description: vscode.l10n.t('every tensor as an array'),
      format: 'npz',
      suffix: 'npz',
      layout: 'state_dict',
    },
  ];
}

/** Only a file of torch.save(model) says of which classes its modules are. */
function wholeModule(): Choice {
  return {
    label: vscode.l10n.t('PyTorch, whole modules'),
    description: vscode.l10n.t('the modules themselves, which torch.load gives back ready to run'),
    format: 'torch',
    suffix: 'pt',
    layout: 'whole_module',
  };
}

/** Writes the quantized model beside the file, where and how a person says; the file itself is never changed. */
export async function exportModel(document: InspectorDocument | undefined, services: Services): Promise<void> {
  if (document?.snapshot.phase !== 'ready' || !(await acceptsPart(document))) return;
  const spec = document.snapshot.quantizedSpec ?? document.snapshot.spec;
  const choice = await vscode.window.showQuickPick(choices(document), {
    title: vscode.l10n.t('Export {0}, quantized with {1}', document.snapshot.file, spec.engine),
    placeHolder: vscode.l10n.t('Format of the file'),
    ignoreFocusOut: true,
  });
  if (choice === undefined) return;
  const part = choice.format === 'onnx' ? await pickGraph(document) : { module: '' };
  if (part === undefined) return;
  const target = await vscode.window.showSaveDialog({
    defaultUri: suggestedFile(document.uri, document.snapshot.file, `int8.${choice.suffix}`),
    filters: { [choice.label]: [choice.suffix] },
    saveLabel: vscode.l10n.t('Export'),
  });
  if (target === undefined) return;
  const request: ExportRequestDto = {
    target: target.fsPath,
    format: choice.format,
    layout: choice.layout,
    spec,
    torchStyle: '1.13',
    ...part,
    shardBytes: defaultShardBytes,
    reduceRange: false,
    // The save dialog asked before an existing file was chosen.
    overwrite: true,
  };
  await writeExport(document, services, request, target);
}

/** Of a damaged file only a part can be written; nobody takes that for the model without having read it. */
async function acceptsPart({ snapshot }: InspectorDocument): Promise<boolean> {
  const values = snapshot.model?.warnings.find((warning) => warning.values?.length === 2)?.values;
  if (values === undefined) return true;
  const yes = vscode.l10n.t('Export What Can Be Read');
  const question = vscode.l10n.t('{0} is damaged: only what can be read of it is written.', snapshot.file);
  const detail = vscode.l10n.t('Readable: {0} of {1}. What the damage hides is missing in the export.', ...values);
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, yes)) === yes;
}

type Part = Pick<ExportRequestDto, 'module' | 'plan'>;

/**
 * What of the model becomes a graph: an ONNX model is rewritten whole; else one module, or all of a
 * state dict by its forward plan. Undefined when nobody chose.
 */
async function pickGraph(document: InspectorDocument): Promise<Part | undefined> {
  const { model } = document.snapshot;
  if (model === null || model.format === 'onnx') return { module: '' };
  const modules = model.runnable.map(({ path, repr }) => ({
    label: path || document.snapshot.file,
    description: repr,
    part: async (): Promise<Part | undefined> => ({ module: path }),
  }));
  // Code of its own says more than a plan, but only modules whose forward is known can be written.
  const isWhole = model.code !== undefined || model.runnable.some(({ path }) => path === '');
  const items = [...(isWhole ? [] : [planItem(document)]), ...modules];
  if (items.length === 0) return { module: '' };
  if (items.length === 1) return items[0].part();
  const title = vscode.l10n.t('A state dict does not say how modules are joined: which one is to be written?');
  return (await vscode.window.showQuickPick(items, { title }))?.part();
}

/** The plan that is in use, else the one beside the model, else a proposal. */
function planItem(document: InspectorDocument) {
  const { plan } = document.code.chosen;
  return {
    label: vscode.l10n.t('The whole model, by its forward plan'),
    description: plan === undefined ? vscode.l10n.t('proposed from names and shapes') : '',
    part: async (): Promise<Part | undefined> => {
      const used = plan ?? (await acceptedPlan(document));
      return used && { module: '', plan: used };
    },
  };
}

/** Nobody exports what was assumed without having read it; a plan that was saved has been. */
async function acceptedPlan({ engine, snapshot }: InspectorDocument): Promise<ForwardPlanDto | undefined> {
  try {
    const proposed = await withNotification(vscode.l10n.t('Proposing a forward plan'), (options) =>
      engine.call('proposePlan', {}, options),
    );
    if (proposed.saved !== null) return (await engine.call('loadPlan', { path: null })).plan;
    const t = (text: string, ...values: readonly (string | number)[]) => vscode.l10n.t(text, ...values);
    const unused = proposed.unused.map(({ path, why }) =>
      vscode.l10n.t('left out: {0}', `${path || '(root)'}: ${sayEngineText(why, t)}`),
    );
    // `places: why`
    const assumptions = proposed.assumptions.map((one) =>
      one.replace(/: (.*)$/, (_, why: string) => `: ${sayAssumption(why, t)}`),
    );
    const assumed = [...assumptions, ...unused];
    if (assumed.length === 0) return proposed.plan;
    const yes = vscode.l10n.t('Export by This Plan');
    const question = vscode.l10n.t('No file says how these modules are joined. Is this plan right?');
    const picked = await vscode.window.showWarningMessage(question, { modal: true, detail: assumed.join('\n') }, yes);
    return picked === yes ? proposed.plan : undefined;
  } catch (error) {
    const details = toErrorDetails(error, snapshot.file);
    if (details.kind !== 'aborted') void vscode.window.showErrorMessage(errorText(details));
    return undefined;
  }
}
