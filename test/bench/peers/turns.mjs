/** Times in µs of as many runs as fit into ms, at least one. */
export function timed(pass, ms) {
  const times = [];
  const end = performance.now() + ms;
  while (times.length === 0 || performance.now() < end) {
    const start = performance.now();
    pass();
    times.push((performance.now() - start) * 1000);
  }
  return times;
}

export async function timedAsync(pass, ms) {
  const times = [];
  const end = performance.now() + ms;
  while (times.length === 0 || performance.now() < end) {
    const start = performance.now();
    await pass();
    times.push((performance.now() - start) * 1000);
  }
  return times;
}

export const gaussian = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
