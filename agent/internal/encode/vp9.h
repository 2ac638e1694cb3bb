// VP9 by libvpx, for who cannot decode AV1. Of use to screen.c only.
#ifndef CONSENTO_VP9_H
#define CONSENTO_VP9_H

#include "screen.h"

typedef struct vp9_codec vp9_codec;

// Returns NULL on failure and says why in reason.
vp9_codec *vp9_open(const screen_config *config, char *reason, size_t reason_size);

// Bounds of the quantizer and rate from the next frame on. 0, or -1 and the reason.
int vp9_configure(vp9_codec *c, int kbps, int finest, int coarsest, char *reason, size_t reason_size);

// map has an entry for each 16x16 pixels that may be coded; NULL for all.
int vp9_restrict(vp9_codec *c, uint8_t *map, unsigned rows, unsigned cols, char *reason, size_t reason_size);

// Codes I420 planes. out->data is valid until the next call.
int vp9_encode(vp9_codec *c, uint8_t *const planes[3], const int strides[3], int64_t pts, int64_t duration,
               int force_key, screen_frame *out, char *reason, size_t reason_size);

void vp9_close(vp9_codec *c);

#endif
