// A mocha reporter for many suites in one run: says what failed and what was skipped, and leaves
// the counts in the file that QUANTSCOPE_COUNTS names, where scripts/test.mjs adds them up.
const { writeFileSync } = require('node:fs');

const timeout = 60_000;

module.exports = class SuiteReporter {
  constructor(runner) {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const failures = [];
    let last = Date.now();
    runner.on('pass', (test) => {
      counts.passed++;
      if (process.stdout.isTTY) process.stdout.write('.');
      else if (Date.now() - last > timeout) {
        console.log(`  … ${counts.passed} passed, now at: ${test.fullTitle()}`);
        last = Date.now();
      }
    });
    runner.on('pending', (test) => {
      counts.skipped++;
      console.log(`  skipped: ${test.fullTitle()}`);
    });
    runner.on('fail', (test, error) => {
      counts.failed++;
      failures.push([test, error]);
      console.log(`  failed: ${test.fullTitle()}`);
    });
    runner.on('end', () => {
      for (const [test, error] of failures) console.error(`\n${test.fullTitle()}\n${error.stack ?? error}`);
      if (process.env.QUANTSCOPE_COUNTS) writeFileSync(process.env.QUANTSCOPE_COUNTS, JSON.stringify(counts));
    });
  }
};
