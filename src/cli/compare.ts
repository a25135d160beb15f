import { type Command, parse } from './command';
import { forwardOptions, forwardRequest, withOptionalValues } from './forwardRequest';
import { decibels } from './text';

export const compare: Command = {
  name: 'compare',
  synopsis: 'FILE [same options as forward]',
  summary: 'float and quantized side by side: size, latency, accuracy',
  async run(args, { engine, signal, progress }) {
    const { positionals, values } = parse(withOptionalValues(args), forwardOptions, 1);
    const client = engine(positionals[0]);
    const request = await forwardRequest(client, positionals[0], values);
    const { size, latencyUs, accuracy, module, moduleType } = await client.call('forward', request, {
      signal,
      onProgress: progress,
    });
    const json = {
      size,
      latencyUs: { float: latencyUs.float.median, quantized: latencyUs.quantized.median, ratio: latencyUs.ratio },
      accuracy,
      modules: [{ path: module, type: moduleType, accuracy }],
    };
    const faster =
      latencyUs.ratio >= 1
        ? `${latencyUs.ratio.toFixed(2)} times faster`
        : `${(1 / latencyUs.ratio).toFixed(2)} times slower`;
    const text = [
      `size      ${size.floatBytes} → ${size.quantizedBytes} bytes, ${size.ratio.toFixed(2)} times smaller`,
      `latency   ${latencyUs.float.median.toFixed(1)} → ${latencyUs.quantized.median.toFixed(1)} µs, int8 is ${faster}`,
      `accuracy  mean |float| ${accuracy.meanAbsFloat.toFixed(5)}, mean |int8| ${accuracy.meanAbsQuantized.toFixed(5)}, mean |difference| ${accuracy.meanAbsDiff.toFixed(5)} or ${accuracy.percent.toFixed(2)} percent, SQNR ${decibels(accuracy.sqnrDb)} dB`,
    ].join('\n');
    return { json, text };
  },
};
