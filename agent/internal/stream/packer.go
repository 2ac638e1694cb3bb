package stream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

const (
	// payloadMax leaves room in 1200 bytes for the RTP header and extensions.
	payloadMax = 1160
	// burst packets leave at once, then as many each paceStep: a key frame sent
	// in one go loses packets in socket buffers even on loopback.
	burst    = 16
	paceStep = time.Millisecond
)

// packer makes RTP packets of frames (RTP Payload Format for AV1, version 1.0)
// and sends them with pauses.
type packer struct {
	sender   Sender
	payload  codecs.AV1Payloader
	sequence rtp.Sequencer
	offset   uint32
}

func newPacker(s Sender) *packer {
	return &packer{sender: s, sequence: rtp.NewRandomSequencer(), offset: rand.Uint32()}
}

// timestamp of a moment, 90 kHz from a random start (RFC 3550 section 5.1).
func (p *packer) timestamp(since time.Duration) uint32 {
	return p.offset + uint32(int64(since)*9/100_000)
}

// send returns how many packets were sent. It stops between two packets when
// ctx ends.
func (p *packer) send(ctx context.Context, unit []byte, timestamp uint32) (int, error) {
	payloads := p.payload.Payload(payloadMax, unit)
	var pause *time.Ticker
	for i, payload := range payloads {
		if i > 0 && i%burst == 0 {
			if pause == nil {
				pause = time.NewTicker(paceStep)
				defer pause.Stop()
			}
			select {
			case <-ctx.Done():
			case <-pause.C:
			}
		}
		if err := ctx.Err(); err != nil {
			return i, err
		}
		if err := p.sender.WriteRTP(&rtp.Packet{
			Header: rtp.Header{
				Version:        2,
				Marker:         i == len(payloads)-1,
				SequenceNumber: p.sequence.NextSequenceNumber(),
				Timestamp:      timestamp,
			},
			Payload: payload,
		}); err != nil {
			return i, fmt.Errorf("%w: %w", ErrSend, err)
		}
	}
	return len(payloads), nil
}
