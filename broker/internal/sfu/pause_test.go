package sfu

import (
	"testing"

	"github.com/pion/rtp"
)

// TestPause: nothing passes and nothing is recorded while the customer hides the
// picture, what was shown before is not shown to who comes then, and the picture
// goes on with a key frame and without a gap.
func TestPause(t *testing.T) {
	s := newSFU(t)
	room, rec := newRoom(t, s)
	agent := publish(t, room)
	console := watch(t, room)
	stream := units(t)
	room.Open()
	before := packets(stream[:4], 1)
	agent.send(t, before)
	eventually(t, "the picture", func() bool { return console.count() == len(before) && rec.count() == 4 })

	room.Pause()
	hidden := packets(stream[4:8], before[len(before)-1].SequenceNumber+1)
	agent.send(t, hidden)
	eventually(t, "all has come", func() bool { n, _ := room.Forwarded(); return int(n) == len(before)+len(hidden) })
	late := watch(t, room)
	room.Open()
	middle := packets(stream[8:10], hidden[len(hidden)-1].SequenceNumber+1) // no key frame in it
	agent.send(t, middle)
	eventually(t, "a key frame is asked for", func() bool { return agent.asked() > 0 })
	after := packets(stream[:3], middle[len(middle)-1].SequenceNumber+1)
	agent.send(t, after)
	eventually(t, "the picture goes on", func() bool {
		return console.count() >= len(before)+len(after) && late.count() >= len(after) && rec.count() >= 7
	})
	same(t, console, append(append([]*rtp.Packet{}, before...), after...))
	same(t, late, after)
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.frames) != 7 || !rec.frames[4].Key || rec.gaps != 0 {
		t.Errorf("%d frames, %d gaps", len(rec.frames), rec.gaps)
	}
}

// TestPadding: packets without content, with which browsers measure the network,
// are no loss, and their numbers are not missing at the consoles.
func TestPadding(t *testing.T) {
	s := newSFU(t)
	room, rec := newRoom(t, s)
	agent := publish(t, room)
	console := watch(t, room)
	stream := units(t)
	room.Open()
	var sent []*rtp.Packet
	number := uint16(7)
	for i := range stream[:4] {
		frame := packets(stream[i:i+1], number)
		for j, p := range frame { // one amid the frame, too
			p.Timestamp = uint32(1000 + 9000*i)
			p.SequenceNumber = number
			number++
			sent = append(sent, p)
			if j == 0 || j == len(frame)-1 {
				sent = append(sent, &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: number,
					Timestamp: p.Timestamp, Padding: true, PaddingSize: 224}})
				number++
			}
		}
	}
	agent.send(t, sent)
	eventually(t, "all packets forwarded", func() bool { return console.count() >= len(sent) })
	eventually(t, "all frames recorded", func() bool { return rec.count() >= 4 })
	same(t, console, sent)
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.gaps != 0 {
		t.Errorf("%d gaps", rec.gaps)
	}
}
