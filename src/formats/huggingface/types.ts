/** What `config.json` beside the weights says, as far as it is shown. */
export interface HuggingFaceConfig {
  /** Class of the model, such as `LlamaForCausalLM`. */
  readonly architecture: string | undefined;
  /** Plain facts by their own names, such as `model_type` and `num_hidden_layers`. */
  readonly facts: ReadonlyMap<string, string>;
  readonly tieWordEmbeddings: boolean;
}
