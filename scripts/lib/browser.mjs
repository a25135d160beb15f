import { existsSync } from 'node:fs';
import { aptInstall, canUseApt, find } from './run.mjs';

const programs = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge'];
const macs = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
];

function installed() {
  const named = process.env.QUANTSCOPE_BROWSER;
  if (named) {
    if (existsSync(named)) return named;
    throw new Error(`QUANTSCOPE_BROWSER names ${named}, which does not exist.`);
  }
  return programs.map(find).find((path) => path !== undefined) ?? macs.find(existsSync);
}

/** A Chromium: one that is there, else Debian's where we may install it, else an error that names the fix. */
async function findBrowser() {
  const found = installed();
  if (found !== undefined) return found;
  if (canUseApt()) {
    console.log('Installing Chromium for the browser tests …');
    await aptInstall('chromium', 'fonts-noto-core');
    const now = installed();
    if (now !== undefined) return now;
  }
  throw new Error(
    'The browser tests need a Chromium, Chrome or Edge. Install one, or set QUANTSCOPE_BROWSER to its path.',
  );
}

/** Launches it headless, without anything that reaches for the network by itself. */
export async function launchBrowser(options = {}) {
  const { chromium } = await import('playwright-core');
  return chromium.launch({
    executablePath: await findBrowser(),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--font-render-hinting=none',
    ],
    ...options,
  });
}
