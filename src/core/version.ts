/** Of Quantscope, as files say it that it wrote; a test compares it with package.json. */
export const version = '0.1.0';
