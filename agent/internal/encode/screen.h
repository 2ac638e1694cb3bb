// A realtime AV1 or VP9 encoder for screens: libyuv turns pixels into planes that
// the encoder keeps, libaom or libvpx codes them. One encoder is for one thread at a time.
#ifndef CONSENTO_SCREEN_H
#define CONSENTO_SCREEN_H

#include <stddef.h>
#include <stdint.h>

typedef struct screen_encoder screen_encoder;

typedef struct {
  int width, height;  // pixels, odd sizes allowed
  int kbps;           // target of the rate control, kbit/s
  int threads;
  int finest, coarsest;  // bounds of the quantizer, 0 to 63
  int vp9;            // VP9 instead of AV1
  int exact;          // AV1 only: the planes are green, blue and red, instead of I420
  int speed;          // libaom cpu-used, higher is cheaper
} screen_config;

typedef struct {
  const uint8_t *data;  // one temporal unit, valid until the next call
  size_t size;          // 0 when the encoder left the frame out
  int key;
  int quantizer;  // 0 to 63
  int64_t cpu;    // nanoseconds of it used for this frame, conversions included
} screen_frame;

// Returns NULL on failure and says why in reason.
screen_encoder *screen_open(const screen_config *config, char *reason, size_t reason_size);

// Converts the rectangle x, y, w, h of a picture of B, G, R, X bytes. x and y
// are even; w and h too, unless they end at the edge of an odd picture.
// Returns 0, or -1 when the rectangle does not fit.
int screen_update(screen_encoder *e, const uint8_t *bgrx, int stride, int x, int y, int w, int h);

// Says how much of the screen, in percent, looks otherwise than the present planes:
// call it before screen_update. It looks at every sixth row only, for a twentieth
// of the time of a conversion. Returns 0 for exact planes, -1 without memory.
int screen_changed(screen_encoder *e, const uint8_t *bgrx, int stride);

// Codes the present planes. pts is in 90 kHz ticks and rises from call to call.
// The quantizer will be from finest to coarsest (0 to 63; 0 alone is lossless).
// rows says for each 16 rows of pixels whether they may be coded (1) or stay as
// they are (0); NULL codes all of them, as a key frame does in any case.
// soft: the picture is coded without detail, at a thirtieth of the bytes; not
// with exact planes.
// Returns 0, or -1: screen_reason then says why.
int screen_encode(screen_encoder *e, int64_t pts, int64_t duration, int force_key,
                  int finest, int coarsest, const uint8_t *rows, int soft, screen_frame *out);

// Returns 0, or -1: screen_reason then says why.
int screen_set_bitrate(screen_encoder *e, int kbps);

const char *screen_reason(const screen_encoder *e);

void screen_close(screen_encoder *e);

#endif
