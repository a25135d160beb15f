import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { root } from '../../support/root';

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
  }[];
}

/** Violations as lines that name the element. axe is evaluated by the debugger, which no policy of the page stops. */
export async function axeViolations(page: Page): Promise<string[]> {
  const { violations } = (await page.evaluate(
    `(async () => { ${await axeSource()}; return axe.run(document, { resultTypes: ['violations'] }); })()`,
  )) as AxeResult;
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary = '' }) => `${id}: ${html.slice(0, 160)} ${failureSummary.slice(0, 200)}`),
  );
}

let axeText = '';
async function axeSource(): Promise<string> {
  axeText ||= await readFile(join(root, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8');
  return axeText;
}
