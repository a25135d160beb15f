/** Limits of a forward plan: it is written by hand or by a stranger, and one step becomes one line of a program. */

/** Characters of a plan file: 2,000 steps of 500. */
export const maxPlanText = 1024 * 1024;
/** More modules in a row than any chain has that shapes can prove. */
export const maxSteps = 2_000;
/** Arguments of a forward that a person would fill in. */
export const maxInputs = 16;
/** PyTorch has no tensor of more dimensions that anybody uses. */
export const maxRank = 16;
/** Parameters of the longest constructor of torch.nn, with room. */
export const maxArguments = 32;
/** Characters of a name, a path, a text. */
export const maxName = 64;
export const maxPath = 500;
export const maxText = 1_000;
