/**
 * The names that llama.cpp gives to the tensors of language models, by gguf-py's constants.py: parts
 * of a block, parts of a block of an encoder and decoder, and what stands outside of blocks.
 */
const blockNames = words(`
  altup_correct_coef altup_correct_scale altup_predict_coef altup_router altup_router_norm attn_gate attn_k attn_k_b
  attn_k_norm attn_kv_a_mqa attn_kv_a_norm attn_kv_b attn_norm attn_norm_2 attn_output attn_output_norm attn_q
  attn_q_a attn_q_a_norm attn_q_b attn_q_norm attn_qkv attn_rot_embd attn_sinks attn_sub_norm attn_v attn_v_b
  channel_mix_key channel_mix_lerp_k channel_mix_lerp_r channel_mix_receptance channel_mix_value exp_probs_b ffn
  ffn_down ffn_down_chexps ffn_down_exps ffn_down_shexp ffn_gate ffn_gate_chexps ffn_gate_exps ffn_gate_inp
  ffn_gate_inp_shexp ffn_gate_shexp ffn_gate_up_exps ffn_latent_down ffn_latent_up ffn_norm ffn_norm_exps
  ffn_sub_norm ffn_up ffn_up_chexps ffn_up_exps ffn_up_shexp indexer.attn_k indexer.attn_q_b indexer.k_norm
  indexer.proj inp_gate laurel_l laurel_post_norm laurel_r layer_output_norm layer_output_scale nextn.eh_proj
  nextn.embed_tokens nextn.enorm nextn.hnorm nextn.shared_head_head nextn.shared_head_norm post_attention_norm
  post_ffw_norm post_ffw_norm_1 post_ffw_norm_2 post_norm pre_ffw_norm_2 proj shortconv.conv shortconv.in_proj
  shortconv.out_proj ssm_a ssm_alpha ssm_b_norm ssm_ba ssm_beta ssm_c_norm ssm_conv1d ssm_conv1d_k ssm_conv1d_q
  ssm_conv1d_v ssm_d ssm_dt ssm_dt_norm ssm_f_a ssm_f_b ssm_g_a ssm_g_b ssm_in ssm_norm ssm_out ssm_x time_mix_a0
  time_mix_a1 time_mix_a2 time_mix_decay time_mix_decay_w1 time_mix_decay_w2 time_mix_first time_mix_g1 time_mix_g2
  time_mix_gate time_mix_k_a time_mix_k_k time_mix_key time_mix_lerp_fused time_mix_lerp_g time_mix_lerp_k
  time_mix_lerp_r time_mix_lerp_v time_mix_lerp_w time_mix_lerp_x time_mix_ln time_mix_output time_mix_r_k
  time_mix_receptance time_mix_v0 time_mix_v1 time_mix_v2 time_mix_value time_mix_w0 time_mix_w1 time_mix_w2
`);
const stackNames = words(`
  attn_k attn_norm attn_o attn_q attn_rel_b attn_v cross_attn_k cross_attn_norm cross_attn_o cross_attn_q
  cross_attn_rel_b cross_attn_v ffn_down ffn_gate ffn_norm ffn_up
`);
const topNames = words(`
  altup_proj altup_unembd_proj cls cls.norm cls.output conv1d dec.output_norm dense_2 dense_3 enc.output_norm output
  output_norm per_layer_model_proj per_layer_proj_norm per_layer_token_embd position_embd rope_factors_long
  rope_factors_short rope_freqs token_embd token_embd_norm token_types
`);

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}

/** Whether llama.cpp has a tensor of this name, in whatever architecture: `blk.0.attn_q.weight`. */
export function isGgufName(name: string): boolean {
  const stem = name.replace(/\.(weight|bias)$/, '');
  const [, stack = '', part] = /^(enc\.|dec\.)?blk\.\d+\.(.+)$/.exec(stem) ?? [];
  if (part === undefined) return topNames.has(stem);
  return (stack === '' ? blockNames : stackNames).has(part);
}
