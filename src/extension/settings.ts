import * as vscode from 'vscode';
import type { EngineName } from '../protocol/dto';
import type { QuantizeSpecDto } from '../protocol/quantizeDto';
import { settingIds } from './contributions';

function setting<T>(id: string, fallback: T): T {
  return vscode.workspace.getConfiguration().get<T>(id) ?? fallback;
}

/** What Quantize does before a person has changed anything. */
export function defaultSpec(): QuantizeSpecDto {
  return {
    engine: setting<EngineName>(settingIds.engine, 'fbgemm'),
    dtype: 'qint8',
    perChannel: setting(settingIds.perChannel, false),
    modules: moduleTypes(),
    exclude: [],
  };
}

export function forwardSeed(): number {
  return setting(settingIds.forwardSeed, 29592);
}

/** Type names, or null where the setting is not a list of them. */
function moduleTypes(): readonly string[] | null {
  const types = setting<unknown>(settingIds.modules, null);
  return Array.isArray(types) && types.every((type) => typeof type === 'string') ? types : null;
}

/** Runs of each model before the timed ones. */
export function forwardWarmup(): number {
  return setting(settingIds.forwardWarmup, 30);
}

/** Timed runs of each model in a forward pass. */
export function forwardRuns(): number {
  return setting(settingIds.forwardRuns, 100);
}
