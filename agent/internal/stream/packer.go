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
	// overhead of a packet beyond RTP, in bytes: IPv4, UDP, SRTP and the extension.
	overhead = 20 + 8 + 16 + 8
	// fastest is how fast packets leave where the link has no limit, bit/s: a key
	// frame sent in one go loses packets in socket buffers even on loopback.
	fastest = 150_000_000
	// advance is how far packets may be ahead of that pace, and then of a link's.
	advance     = time.Millisecond
	linkAdvance = 5 * time.Millisecond
	// tailAfter is how long after the last packet of a frame, when nothing follows, a
	// packet without content does; the next one after twice that. That the last packet was lost
	// is seen by what comes behind it only, and that may be seconds later.
	tailAfter = 20 * time.Millisecond
	// lossy is the share of packets from which links are taken for such that lose.
	lossy = 0.002
)

// packer makes RTP packets of frames (RTP Payload Format for AV1, version 1.0; RFC 9628 for VP9)
// and sends them at the link's pace.
type packer struct {
	sender   Sender
	link     Link
	av1      codecs.AV1Payloader
	vp9      codecs.VP9Payloader
	sequence rtp.Sequencer
	offset   uint32
	free     time.Time // when what was sent has left at that pace

	tails int       // how many packets without content are still to follow
	next  time.Time // when
	stamp uint32    // of the last frame
}

func newPacker(s Sender, l Link, sequence rtp.Sequencer) *packer {
	return &packer{sender: s, link: l, sequence: sequence, offset: rand.Uint32()}
}

// timestamp of a moment, 90 kHz from a random start (RFC 3550 section 5.1).
func (p *packer) timestamp(since time.Duration) uint32 {
	return p.offset + uint32(int64(since)*9/100_000)
}

func (p *packer) payloads(codec Codec, unit []byte) [][]byte {
	if codec == VP9 {
		return p.vp9.Payload(payloadMax, unit)
	}
	return p.av1.Payload(payloadMax, unit)
}

// send returns how many packets were sent. It stops between two packets when
// ctx ends.
func (p *packer) send(ctx context.Context, codec Codec, unit []byte, timestamp uint32) (int, error) {
	payloads := p.payloads(codec, unit)
	var pause *time.Timer
	for i, payload := range payloads {
		now := time.Now()
		rate, most := p.link.Rate(), linkAdvance
		if rate == 0 || rate > fastest {
			rate, most = fastest, advance
		}
		if p.free.Before(now) {
			p.free = now
		}
		if ahead := p.free.Sub(now); ahead > most {
			if pause == nil {
				pause = time.NewTimer(ahead)
				defer pause.Stop()
			} else {
				pause.Reset(ahead)
			}
			select {
			case <-ctx.Done():
			case <-pause.C:
			}
		}
		if err := ctx.Err(); err != nil {
			return i, err
		}
		packet := &rtp.Packet{
			Header: rtp.Header{
				Version:        2,
				PayloadType:    uint8(codec),
				Marker:         i == len(payloads)-1,
				SequenceNumber: p.sequence.NextSequenceNumber(),
				Timestamp:      timestamp,
			},
			Payload: payload,
		}
		size := packet.MarshalSize() + overhead
		p.free = p.free.Add(time.Duration(8 * float64(size) / float64(rate) * float64(time.Second)))
		p.link.Sent(now, size)
		if err := p.sender.WriteRTP(packet); err != nil {
			return i, fmt.Errorf("%w: %w", ErrSend, err)
		}
	}
	p.stamp, p.next = timestamp, time.Now().Add(tailAfter)
	return len(payloads), nil
}

// tailAt is when a packet without content is due, zero for never.
func (p *packer) tailAt() time.Time {
	if p.tails == 0 {
		return time.Time{}
	}
	return p.next
}

// tail sends one.
func (p *packer) tail() error {
	now := time.Now()
	p.tails, p.next = p.tails-1, now.Add(2*tailAfter)
	packet := &rtp.Packet{Header: rtp.Header{Version: 2, Padding: true, SequenceNumber: p.sequence.NextSequenceNumber(), Timestamp: p.stamp, PaddingSize: 1}}
	p.link.Sent(now, packet.MarshalSize()+overhead)
	if err := p.sender.WriteRTP(packet); err != nil {
		return fmt.Errorf("%w: %w", ErrSend, err)
	}
	return nil
}
