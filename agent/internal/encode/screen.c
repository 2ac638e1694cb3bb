#include "screen.h"

#include "vp9.h"

#include <aom/aom_encoder.h>
#include <aom/aomcx.h>
#include <libyuv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct screen_encoder {
  vp9_codec *vp9;  // NULL: AV1
  aom_codec_ctx_t codec;
  aom_codec_enc_cfg_t config;  // bounds and rate count for VP9, too
  aom_image_t *planes;
  aom_image_t *soft;  // see soften, NULL before the first use
  uint8_t *line;      // see screen_changed, NULL before the first use
  uint8_t *active;    // map of what may be coded, 16x16 pixels each
  int restricted;     // the codec has such a map
  uint8_t *unit;  // the last temporal unit when it came in several packets
  size_t unit_cap;
  clockid_t clock;  // of the CPU time of all threads at work
  int64_t cpu;      // used since the last frame
  char reason[256];
};

static int64_t used(const screen_encoder *e) {
  struct timespec t;
  return clock_gettime(e->clock, &t) ? 0 : (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void explain(aom_codec_ctx_t *codec, aom_codec_err_t err, char *to, size_t size) {
  const char *detail = aom_codec_error_detail(codec);
  snprintf(to, size, "%s%s%s", aom_codec_err_to_string(err), detail ? ": " : "", detail ? detail : "");
}

// Settings that matter for screens. tune-content and palette are what keeps text
// sharp; the rest switches off tools that cost time and gain nothing on screens.
static aom_codec_err_t tune(aom_codec_ctx_t *c, const screen_config *config) {
  const struct {
    int id, value;
  } settings[] = {
      {AOME_SET_CPUUSED, config->speed},
      {AV1E_SET_TUNE_CONTENT, AOM_CONTENT_SCREEN},
      {AV1E_SET_ENABLE_PALETTE, 1},
      {AV1E_SET_ENABLE_INTRABC, 0},
      {AV1E_SET_AQ_MODE, 3},
      {AV1E_SET_ROW_MT, config->threads > 1},
      {AOME_SET_MAX_INTRA_BITRATE_PCT, 900},
      // Filters that smooth blocks: little to gain on text, a fifth of the time.
      {AV1E_SET_ENABLE_CDEF, 0},
      {AV1E_SET_LOOPFILTER_CONTROL, 3},  // only on frames with much motion
      {AV1E_SET_ENABLE_TPL_MODEL, 0},
      {AV1E_SET_DELTAQ_MODE, 0},
      {AV1E_SET_ENABLE_ORDER_HINT, 0},
      {AV1E_SET_COEFF_COST_UPD_FREQ, 3},
      {AV1E_SET_MODE_COST_UPD_FREQ, 3},
      {AV1E_SET_MV_COST_UPD_FREQ, 3},
      {AV1E_SET_ENABLE_OBMC, 0},
      {AV1E_SET_ENABLE_GLOBAL_MOTION, 0},
      {AV1E_SET_ENABLE_WARPED_MOTION, 0},
      {AV1E_SET_ENABLE_REF_FRAME_MVS, 0},
      {AV1E_SET_ENABLE_CFL_INTRA, 0},
      {AV1E_SET_ENABLE_SMOOTH_INTRA, 0},
      {AV1E_SET_ENABLE_ANGLE_DELTA, 0},
      {AV1E_SET_ENABLE_FILTER_INTRA, 0},
      {AV1E_SET_INTRA_DEFAULT_TX_ONLY, 1},
      {AV1E_SET_DISABLE_TRELLIS_QUANT, 1},
      // BT.601, limited range, which is what libyuv's ARGBToI420 makes. Said in
      // the stream, since a browser that must guess takes BT.709 for HD. Exact:
      // sRGB without a matrix, the planes are green, blue and red.
      {AV1E_SET_COLOR_PRIMARIES, config->exact ? AOM_CICP_CP_BT_709 : AOM_CICP_CP_BT_601},
      {AV1E_SET_TRANSFER_CHARACTERISTICS, config->exact ? AOM_CICP_TC_SRGB : AOM_CICP_TC_BT_601},
      {AV1E_SET_MATRIX_COEFFICIENTS, config->exact ? AOM_CICP_MC_IDENTITY : AOM_CICP_MC_BT_601},
      {AV1E_SET_COLOR_RANGE, config->exact ? AOM_CR_FULL_RANGE : AOM_CR_STUDIO_RANGE},
  };
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    aom_codec_err_t err = aom_codec_control(c, settings[i].id, settings[i].value);
    if (err) return err;
  }
  return AOM_CODEC_OK;
}

screen_encoder *screen_open(const screen_config *config, char *reason, size_t reason_size) {
  screen_encoder *e = calloc(1, sizeof *e);
  if (!e) {
    snprintf(reason, reason_size, "out of memory");
    return NULL;
  }
  // The library's own threads have no clock of their own; beside them the rest
  // of the program uses little.
  e->clock = config->threads > 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_THREAD_CPUTIME_ID;
  aom_codec_iface_t *av1 = aom_codec_av1_cx();
  aom_codec_enc_cfg_t *c = &e->config;
  aom_codec_err_t err = aom_codec_enc_config_default(av1, c, AOM_USAGE_REALTIME);
  if (!err) {
    c->g_w = config->width;
    c->g_h = config->height;
    c->g_profile = config->exact ? 1 : 0;
    c->g_timebase.num = 1;
    c->g_timebase.den = 90000;
    c->g_threads = config->threads;
    c->g_lag_in_frames = 0;
    c->g_pass = AOM_RC_ONE_PASS;
    c->g_error_resilient = 0;
    c->rc_end_usage = AOM_CBR;
    c->rc_target_bitrate = config->kbps;
    c->rc_min_quantizer = config->finest;
    c->rc_max_quantizer = config->coarsest;
    c->rc_undershoot_pct = 100;
    c->rc_overshoot_pct = 15;
    c->rc_buf_initial_sz = 600;
    c->rc_buf_optimal_sz = 600;
    c->rc_buf_sz = 1000;
    c->rc_dropframe_thresh = 0;
    c->kf_mode = AOM_KF_DISABLED;
    if (config->vp9) {
      e->vp9 = vp9_open(config, reason, reason_size);
      if (!e->vp9) {
        free(e);
        return NULL;
      }
    } else {
      err = aom_codec_enc_init(&e->codec, av1, c, 0);
    }
  }
  if (err) {
    explain(&e->codec, err, reason, reason_size);
    free(e);
    return NULL;
  }
  if (!e->vp9) err = tune(&e->codec, config);
  if (err) {
    explain(&e->codec, err, reason, reason_size);
  } else {
    e->planes = aom_img_alloc(NULL, config->exact ? AOM_IMG_FMT_I444 : AOM_IMG_FMT_I420, config->width, config->height, 32);
    if (e->planes && config->exact) e->planes->mc = AOM_CICP_MC_IDENTITY;
    if (!e->planes) snprintf(reason, reason_size, "out of memory");
  }
  if (!e->planes) {
    screen_close(e);
    return NULL;
  }
  return e;
}

int screen_update(screen_encoder *e, const uint8_t *bgrx, int stride, int x, int y, int w, int h) {
  aom_image_t *p = e->planes;
  if (x < 0 || y < 0 || w <= 0 || h <= 0 || x % 2 || y % 2 ||
      x + w > (int)p->d_w || y + h > (int)p->d_h) {
    return -1;
  }
  const int64_t started = used(e);
  const uint8_t *from = bgrx + (ptrdiff_t)y * stride + (ptrdiff_t)x * 4;
  int failed = 0;
  // libyuv calls "ARGB" what lies in memory as B, G, R, A.
  if (p->fmt == AOM_IMG_FMT_I444) {
    SplitARGBPlane(from, stride,
        p->planes[2] + (ptrdiff_t)y * p->stride[2] + x, p->stride[2],
        p->planes[0] + (ptrdiff_t)y * p->stride[0] + x, p->stride[0],
        p->planes[1] + (ptrdiff_t)y * p->stride[1] + x, p->stride[1], NULL, 0, w, h);
  } else failed = ARGBToI420(from, stride,
      p->planes[0] + (ptrdiff_t)y * p->stride[0] + x, p->stride[0],
      p->planes[1] + (ptrdiff_t)y / 2 * p->stride[1] + x / 2, p->stride[1],
      p->planes[2] + (ptrdiff_t)y / 2 * p->stride[2] + x / 2, p->stride[2], w, h);
  e->cpu += used(e) - started;
  return failed ? -1 : 0;
}

int screen_changed(screen_encoder *e, const uint8_t *bgrx, int stride) {
  enum { step = 6, piece = 16 };
  const aom_image_t *p = e->planes;
  const int w = p->d_w, h = p->d_h;
  if (p->fmt != AOM_IMG_FMT_I420) return 0;
  if (!e->line && !(e->line = malloc(w))) return -1;
  const int64_t started = used(e);
  int64_t changed = 0, all = 0;
  for (int y = 0; y < h; y += step) {
    if (ARGBToI400(bgrx + (ptrdiff_t)y * stride, stride, e->line, w, w, 1)) return -1;
    const uint8_t *was = p->planes[0] + (ptrdiff_t)y * p->stride[0];
    for (int x = 0; x < w; x += piece, all++) {
      changed += memcmp(e->line + x, was + x, w - x < piece ? w - x : piece) != 0;
    }
  }
  e->cpu += used(e) - started;
  return (int)(changed * 100 / all);
}

// append keeps a second packet of one frame behind the first.
static int append(screen_encoder *e, screen_frame *out, const void *data, size_t size) {
  if (out->size + size > e->unit_cap) {
    size_t cap = (out->size + size) * 2;
    uint8_t *unit = realloc(e->unit, cap);
    if (!unit) {
      snprintf(e->reason, sizeof e->reason, "out of memory");
      return -1;
    }
    e->unit = unit;
    e->unit_cap = cap;
  }
  memcpy(e->unit + out->size, data, size);
  out->data = e->unit;
  out->size += size;
  return 0;
}

static int configure(screen_encoder *e, const aom_codec_enc_cfg_t *next) {
  if (e->vp9) {
    if (vp9_configure(e->vp9, next->rc_target_bitrate, next->rc_min_quantizer, next->rc_max_quantizer, e->reason, sizeof e->reason)) return -1;
    e->config = *next;
    return 0;
  }
  aom_codec_err_t err = aom_codec_enc_config_set(&e->codec, next);
  if (err) {
    explain(&e->codec, err, e->reason, sizeof e->reason);
    return -1;
  }
  e->config = *next;
  return 0;
}

// restrict_to lets only marked rows of 16 be coded; NULL for all.
static int restrict_to(screen_encoder *e, const uint8_t *rows) {
  if (!rows && !e->restricted) return 0;
  const unsigned w = (e->planes->d_w + 15) / 16, h = (e->planes->d_h + 15) / 16;
  if (!e->active && !(e->active = malloc((size_t)w * h))) {
    snprintf(e->reason, sizeof e->reason, "out of memory");
    return -1;
  }
  if (rows) {
    for (unsigned y = 0; y < h; y++) memset(e->active + (size_t)y * w, rows[y], w);
  }
  if (e->vp9) {
    if (vp9_restrict(e->vp9, rows ? e->active : NULL, h, w, e->reason, sizeof e->reason)) return -1;
    e->restricted = rows != NULL;
    return 0;
  }
  aom_active_map_t map = {rows ? e->active : NULL, h, w};
  aom_codec_err_t err = aom_codec_control(&e->codec, AOME_SET_ACTIVEMAP, &map);
  if (err) {
    explain(&e->codec, err, e->reason, sizeof e->reason);
    return -1;
  }
  e->restricted = rows != NULL;
  return 0;
}

// soften makes a copy of the planes without detail.
static int soften(screen_encoder *e) {
  aom_image_t *p = e->planes;
  const int w = p->d_w, h = p->d_h, sw = (w + 7) / 8, sh = (h + 7) / 8;
  if (!e->soft) e->soft = aom_img_alloc(NULL, AOM_IMG_FMT_I420, w, h, 32);
  aom_image_t *small = aom_img_alloc(NULL, AOM_IMG_FMT_I420, sw, sh, 32);
  int failed = !e->soft || !small ||
      I420Scale(p->planes[0], p->stride[0], p->planes[1], p->stride[1], p->planes[2], p->stride[2], w, h,
                small->planes[0], small->stride[0], small->planes[1], small->stride[1], small->planes[2], small->stride[2], sw, sh, kFilterBox) ||
      I420Scale(small->planes[0], small->stride[0], small->planes[1], small->stride[1], small->planes[2], small->stride[2], sw, sh,
                e->soft->planes[0], e->soft->stride[0], e->soft->planes[1], e->soft->stride[1], e->soft->planes[2], e->soft->stride[2], w, h, kFilterBilinear);
  aom_img_free(small);
  if (failed) snprintf(e->reason, sizeof e->reason, "out of memory");
  return failed;
}

int screen_encode(screen_encoder *e, int64_t pts, int64_t duration, int force_key,
                  int finest, int coarsest, const uint8_t *rows, int soft, screen_frame *out) {
  memset(out, 0, sizeof *out);
  const int64_t started = used(e);
  if ((int)e->config.rc_min_quantizer != finest || (int)e->config.rc_max_quantizer != coarsest) {
    aom_codec_enc_cfg_t next = e->config;
    next.rc_min_quantizer = finest;
    next.rc_max_quantizer = coarsest;
    if (configure(e, &next)) return -1;
  }
  if (restrict_to(e, force_key ? NULL : rows)) return -1;
  aom_image_t *source = e->planes;
  if (soft && source->fmt == AOM_IMG_FMT_I420) {
    if (soften(e)) return -1;
    source = e->soft;
  }
  if (e->vp9) {
    if (vp9_encode(e->vp9, source->planes, source->stride, pts, duration, force_key, out, e->reason, sizeof e->reason)) return -1;
    out->cpu = e->cpu + used(e) - started;
    e->cpu = 0;
    return 0;
  }
  aom_codec_err_t err = aom_codec_encode(&e->codec, source, pts, duration, force_key ? AOM_EFLAG_FORCE_KF : 0);
  if (err) {
    explain(&e->codec, err, e->reason, sizeof e->reason);
    return -1;
  }
  aom_codec_iter_t iter = NULL;
  const aom_codec_cx_pkt_t *packet;
  while ((packet = aom_codec_get_cx_data(&e->codec, &iter))) {
    if (packet->kind != AOM_CODEC_CX_FRAME_PKT) continue;
    if (append(e, out, packet->data.frame.buf, packet->data.frame.sz)) return -1;
    if (packet->data.frame.flags & AOM_FRAME_IS_KEY) out->key = 1;
  }
  err = aom_codec_control(&e->codec, AOME_GET_LAST_QUANTIZER_64, &out->quantizer);
  if (err) {
    explain(&e->codec, err, e->reason, sizeof e->reason);
    return -1;
  }
  out->cpu = e->cpu + used(e) - started;
  e->cpu = 0;
  return 0;
}

int screen_set_bitrate(screen_encoder *e, int kbps) {
  aom_codec_enc_cfg_t next = e->config;
  next.rc_target_bitrate = kbps;
  return configure(e, &next);
}

const char *screen_reason(const screen_encoder *e) { return e->reason; }

void screen_close(screen_encoder *e) {
  if (!e) return;
  if (e->vp9) {
    vp9_close(e->vp9);
  } else {
    aom_codec_destroy(&e->codec);
  }
  aom_img_free(e->planes);
  aom_img_free(e->soft);
  free(e->line);
  free(e->active);
  free(e->unit);
  free(e);
}
