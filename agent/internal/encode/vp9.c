#include "vp9.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>

struct vp9_codec {
  vpx_codec_ctx_t codec;
  vpx_codec_enc_cfg_t config;
};

static int failed(vp9_codec *c, vpx_codec_err_t err, char *to, size_t size) {
  if (!err) return 0;
  const char *detail = vpx_codec_error_detail(&c->codec);
  snprintf(to, size, "%s%s%s", vpx_codec_err_to_string(err), detail ? ": " : "", detail ? detail : "");
  return -1;
}

// Settings that matter for screens, as for AV1.
static vpx_codec_err_t tune(vpx_codec_ctx_t *c, const screen_config *config) {
  const struct {
    int id, value;
  } settings[] = {
      {VP8E_SET_CPUUSED, 8},
      {VP9E_SET_TUNE_CONTENT, VP9E_CONTENT_SCREEN},
      {VP9E_SET_AQ_MODE, 3},
      {VP9E_SET_ROW_MT, config->threads > 1},
      {VP9E_SET_TILE_COLUMNS, 0},
      {VP8E_SET_MAX_INTRA_BITRATE_PCT, 900},
      {VP9E_SET_COLOR_SPACE, VPX_CS_BT_601},
      {VP9E_SET_COLOR_RANGE, VPX_CR_STUDIO_RANGE},
  };
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    vpx_codec_err_t err = vpx_codec_control_(c, settings[i].id, settings[i].value);
    if (err) return err;
  }
  return VPX_CODEC_OK;
}

vp9_codec *vp9_open(const screen_config *config, char *reason, size_t reason_size) {
  vp9_codec *c = calloc(1, sizeof *c);
  if (!c) {
    snprintf(reason, reason_size, "out of memory");
    return NULL;
  }
  vpx_codec_iface_t *vp9 = vpx_codec_vp9_cx();
  vpx_codec_enc_cfg_t *g = &c->config;
  if (failed(c, vpx_codec_enc_config_default(vp9, g, 0), reason, reason_size)) {
    free(c);
    return NULL;
  }
  g->g_w = config->width;
  g->g_h = config->height;
  g->g_timebase.num = 1;
  g->g_timebase.den = 90000;
  g->g_threads = config->threads;
  g->g_lag_in_frames = 0;
  g->g_pass = VPX_RC_ONE_PASS;
  g->g_error_resilient = 0;
  g->rc_end_usage = VPX_CBR;
  g->rc_target_bitrate = config->kbps;
  g->rc_min_quantizer = config->finest;
  g->rc_max_quantizer = config->coarsest;
  g->rc_undershoot_pct = 100;
  g->rc_overshoot_pct = 15;
  g->rc_buf_initial_sz = 600;
  g->rc_buf_optimal_sz = 600;
  g->rc_buf_sz = 1000;
  g->rc_dropframe_thresh = 0;
  g->kf_mode = VPX_KF_DISABLED;
  if (failed(c, vpx_codec_enc_init(&c->codec, vp9, g, 0), reason, reason_size)) {
    free(c);
    return NULL;
  }
  if (failed(c, tune(&c->codec, config), reason, reason_size)) {
    vp9_close(c);
    return NULL;
  }
  return c;
}

int vp9_configure(vp9_codec *c, int kbps, int finest, int coarsest, char *reason, size_t reason_size) {
  vpx_codec_enc_cfg_t next = c->config;
  next.rc_target_bitrate = kbps;
  next.rc_min_quantizer = finest;
  next.rc_max_quantizer = coarsest;
  if (failed(c, vpx_codec_enc_config_set(&c->codec, &next), reason, reason_size)) return -1;
  c->config = next;
  return 0;
}

int vp9_restrict(vp9_codec *c, uint8_t *map, unsigned rows, unsigned cols, char *reason, size_t reason_size) {
  vpx_active_map_t active = {map, rows, cols};
  return failed(c, vpx_codec_control(&c->codec, VP8E_SET_ACTIVEMAP, &active), reason, reason_size);
}

int vp9_encode(vp9_codec *c, uint8_t *const planes[3], const int strides[3], int64_t pts, int64_t duration,
               int force_key, screen_frame *out, char *reason, size_t reason_size) {
  vpx_image_t image;
  if (!vpx_img_wrap(&image, VPX_IMG_FMT_I420, c->config.g_w, c->config.g_h, 1, planes[0])) {
    snprintf(reason, reason_size, "picture cannot be wrapped");
    return -1;
  }
  for (int i = 0; i < 3; i++) {
    image.planes[i] = planes[i];
    image.stride[i] = strides[i];
  }
  image.cs = VPX_CS_BT_601;
  image.range = VPX_CR_STUDIO_RANGE;
  if (failed(c, vpx_codec_encode(&c->codec, &image, pts, duration, force_key ? VPX_EFLAG_FORCE_KF : 0, VPX_DL_REALTIME), reason, reason_size)) {
    return -1;
  }
  vpx_codec_iter_t iter = NULL;
  const vpx_codec_cx_pkt_t *packet;
  while ((packet = vpx_codec_get_cx_data(&c->codec, &iter))) {
    if (packet->kind != VPX_CODEC_CX_FRAME_PKT) continue;
    // Without look-ahead and layers there is one packet a frame.
    out->data = packet->data.frame.buf;
    out->size = packet->data.frame.sz;
    if (packet->data.frame.flags & VPX_FRAME_IS_KEY) out->key = 1;
  }
  return failed(c, vpx_codec_control(&c->codec, VP8E_GET_LAST_QUANTIZER_64, &out->quantizer), reason, reason_size);
}

void vp9_close(vp9_codec *c) {
  if (!c) return;
  vpx_codec_destroy(&c->codec);
  free(c);
}
