import * as vscode from 'vscode';
import { aborted, invalid } from '../../core/errors';
import { Channel, type Handlers, type Port } from '../../protocol/rpc';
import type { HostApi, ViewApi, ViewSnapshotDto } from '../../protocol/viewApi';
import { runForward } from '../commands/runForward';
import { saveTensor } from '../commands/saveTensor';
import { commandIds } from '../contributions';
import { chooseCode } from '../forward/chooseCode';
import { openPlace } from '../forward/openPlace';
import { saveForward } from '../forward/saveForward';
import { savePlan } from '../forward/savePlan';
import type { Services } from '../services';
import { emptySnapshot } from './emptySnapshot';
import type { InspectorDocument } from './inspectorDocument';
import { validArgs } from './validate';

const sparklineBins = 28;

/**
 * Connects one webview with the document that `current` names: the editor always has the same,
 * the side view follows the active one. Dispose it with the webview.
 */
export function connectView(
  webview: vscode.Webview,
  services: Services,
  current: () => InspectorDocument | undefined,
  onDidChange: vscode.Event<unknown>,
): vscode.Disposable {
  const snapshot = (): ViewSnapshotDto => current()?.snapshot ?? emptySnapshot;
  const listeners: vscode.Disposable[] = [];
  const channel = new Channel<HostApi, ViewApi>(webviewPort(webview, listeners), handlers(services, current, snapshot));
  listeners.push(onDidChange(() => channel.notify('snapshot', snapshot())));
  return {
    dispose() {
      channel.dispose(aborted());
      for (const listener of listeners) listener.dispose();
    },
  };
}

function webviewPort(webview: vscode.Webview, listeners: vscode.Disposable[]): Port {
  return {
    post: (message) => void webview.postMessage(message),
    listen: (receive) => listeners.push(webview.onDidReceiveMessage(receive)),
  };
}

function handlers(
  services: Services,
  current: () => InspectorDocument | undefined,
  snapshot: () => ViewSnapshotDto,
): Handlers<HostApi> {
  const document = (): InspectorDocument => {
    const found = current();
    if (found === undefined) throw invalid('E_NO_MODEL', 'No model is open.');
    return found;
  };
  const lastRequest = () => {
    const request = document().forwardRequest;
    if (request === undefined) throw invalid('E_NO_FORWARD', 'No forward pass has been run.');
    return request;
  };
  const checked: Handlers<HostApi> = {
    ready: snapshot,
    rows: (args, { signal }) => document().engine.call('rows', args, { signal }),
    locate: (args, { signal }) => document().engine.call('locate', args, { signal }),
    sparklines: ({ names }, { signal }) =>
      document().engine.call('sparklines', { names, bins: sparklineBins }, { signal }),
    tensorDetail: (args, { signal }) => document().engine.call('tensorDetail', args, { signal }),
    overview: (_, { signal }) => document().engine.call('overview', { spec: document().snapshot.spec }, { signal }),
    health: () => document().health(),
    coverage: (_, { signal }) =>
      document().engine.call('coverage', { spec: document().snapshot.spec, values: false }, { signal }),
    values: (args, { signal }) => document().engine.call('values', args, { signal }),
    image: (args, { signal }) => document().engine.call('image', args, { signal }),
    weightError: (args, { signal }) => document().engine.call('weightError', args, { signal }),
    explain: (args, { signal }) => document().engine.call('explain', { ...args, request: lastRequest() }, { signal }),
    activation: (args, { signal }) => {
      return document().engine.call('activation', { ...args, request: lastRequest() }, { signal });
    },
    select: ({ id }) => document().select(id),
    showTab: ({ tab }) => document().showTab(tab),
    setSpec: (args) => document().setSpec(args),
    tick: ({ path, ticked }) => document().tick(path, ticked),
    measureSensitivity: () => document().measureSensitivity(),
    measureBreakEven: ({ module }) => document().measureBreakEven(module),
    keepFloat: ({ paths }) => document().keepFloat(paths),
    quantize: (change) => document().quantize(change),
    chosen: ({ paths }, { signal }) =>
      document().engine.call('chosen', { paths, spec: document().snapshot.spec }, { signal }),
    undo: () => document().undo(),
    runForward: ({ source, typed, whole, ...request }) =>
      document().runForward({
        ...request,
        ...(whole ? { module: '', ...document().code.chosen } : {}),
        inputs: document().givenInputs(source, typed),
      }),
    startForward: () => runForward(document()),
    chooseCode: async () => void (await chooseCode(document())),
    proposePlan: async () => void (await document().code.proposePlan()),
    editPlan: ({ text }) => document().code.editPlan(text),
    savePlan: ({ open }) => savePlan(document(), open),
    forgetCode: () => document().code.forget(),
    openPlace: () => openPlace(document()),
    outputImage: (args, { signal }) =>
      document().engine.call('outputImage', { ...args, request: lastRequest() }, { signal }),
    outputSeries: (args, { signal }) =>
      document().engine.call('outputSeries', { ...args, request: lastRequest() }, { signal }),
    saveTensor: (args) => saveTensor(document(), services, { ...args, spec: null }),
    saveForward: (what) => saveForward(document(), what),
    pickInputs: () => document().pickInputs(),
    cancel: () => document().cancel(),
    reload: ({ damaged }) => document().reload(damaged),
    command: ({ name }) => void vscode.commands.executeCommand(commandIds[name]),
    copy: async ({ text }) => vscode.env.clipboard.writeText(text),
    report: ({ message }) => services.log.error(`webview: ${message}`),
  };
  return validated(checked, services.log);
}

/** The same handlers behind a check of their arguments; what does not fit is logged and refused. */
function validated(handlers: Handlers<HostApi>, log: vscode.LogOutputChannel): Handlers<HostApi> {
  const wrap = <K extends keyof HostApi>(method: K) => {
    const handler = handlers[method] as (args: unknown, context: unknown) => unknown;
    return (args: unknown, context: unknown) => {
      try {
        return handler(validArgs(method, args), context);
      } catch (error) {
        log.warn(`refused ${method} from the webview: ${error instanceof Error ? error.message : String(error)}`);
        throw error;
      }
    };
  };
  const entries = (Object.keys(handlers) as (keyof HostApi)[]).map((method) => [method, wrap(method)]);
  return Object.fromEntries(entries) as Handlers<HostApi>;
}
