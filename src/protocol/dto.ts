import type { ErrorDetails } from '../core/errors';

/**
 * What crosses between threads and windows: plain data, snapshots, never proportional to the
 * file. Field names of the reports are those of the command line's JSON, which scripts depend on.
 */

/** `x86` is PyTorch's newer name for what fbgemm computes. */
export type EngineName = 'fbgemm' | 'x86' | 'onednn' | 'qnnpack';

export type Verdict = 'safe' | 'suspicious' | 'dangerous' | 'unknown';

export type Scheme = 'per_tensor' | 'per_channel';

export type ErrorDto = ErrorDetails;

export interface WarningDto {
  readonly code: string;
  readonly message: string;
  /** The numbers of the message, for those who say it in their own words. */
  readonly values?: readonly number[];
}

export interface GlobalDto {
  readonly module: string;
  readonly name: string;
  readonly verdict: Verdict;
  readonly reason: string;
  /** Byte offset inside the pickle record. */
  readonly offset: number;
  readonly use: 'referenced' | 'called';
}

export interface SafetyDto {
  readonly verdict: Verdict;
  readonly globals: readonly GlobalDto[];
}

export interface BytesDto {
  readonly before: number;
  readonly after: number;
}
