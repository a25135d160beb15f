/** One entry of an archive, as its central directory tells. */
export interface ZipEntry {
  readonly name: string;
  readonly method: 'stored' | 'deflated' | number;
  readonly crc32: number;
  readonly compressedSize: number;
  readonly size: number;
  /** Offset of the local header in the file. */
  readonly headerOffset: number;
  readonly encrypted: boolean;
}

export interface ZipArchive {
  /** In the order of the central directory. */
  readonly entries: readonly ZipEntry[];
  /** True when the directory was missing and the entries were found from the front. */
  readonly recovered: boolean;
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}
