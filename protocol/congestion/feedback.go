package congestion

import (
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// URI of the header extension that numbers packets over all streams of a transport.
const URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

// Interval between two reports that a receiver of ours sends.
const Interval = 50 * time.Millisecond

// history is how many packets a report may come late: 2 s at 20 Mbit/s. It
// divides the range of the numbers.
const history = 4096

// At least and at most so many packets are sent again for one request.
const (
	againLeast = 4
	againMost  = 64
)

// paceOf is how many packets a report has at least that tells the pace of arrival.
const paceOf = 5

// reportKey is where a reader of RTCP finds the fate of packets, see Reported.
type reportKey struct{}

// Reported returns what the other side reported of sent packets with the RTCP
// that these attributes belong to, if it did.
func Reported(attributes interceptor.Attributes) (Report, bool) {
	report, ok := attributes.Get(reportKey{}).(Report)
	return report, ok
}

// Senders is a factory of interceptors that number outgoing packets, remember
// when they left and, when the other side reports of them, put their fate where
// Reported finds it. It has to be added to a chain before what retransmits, so
// that retransmissions have numbers of their own; it also keeps from that what is
// asked for again although it is on its way.
type Senders struct{}

// NewInterceptor implements interceptor.Factory.
func (Senders) NewInterceptor(string) (interceptor.Interceptor, error) { return &sender{}, nil }

type sender struct {
	interceptor.NoOp
	mu     sync.Mutex
	next   uint16
	done   uint16 // what left before this number was reported, or never will be
	flight [history]departure
	trip   time.Duration      // shortest round trip of the last report, with the wait for it
	resent time.Time          // when packets were last asked for
	pace   float64            // packets a second that arrive one behind the other
	left   [history]time.Time // when the packet with this RTP sequence number left last
}

// departure of the packet with this number; of size 0 once it is done with.
type departure struct {
	number uint16
	size   int
	at     time.Time
}

// BindLocalStream implements interceptor.Interceptor.
func (s *sender) BindLocalStream(info *interceptor.StreamInfo, writer interceptor.RTPWriter) interceptor.RTPWriter {
	var id uint8
	for _, x := range info.RTPHeaderExtensions {
		if x.URI == URI {
			id = uint8(x.ID)
		}
	}
	if id == 0 {
		return writer // the other side does not report
	}
	return interceptor.RTPWriterFunc(func(header *rtp.Header, payload []byte, attributes interceptor.Attributes) (int, error) {
		// The header may be one that is kept for retransmission, and used by
		// two of them at once.
		mine := *header
		mine.Extensions = append(make([]rtp.Extension, 0, len(header.Extensions)+1), header.Extensions...)
		number := s.depart(header.MarshalSize()+8+len(payload)+int(header.PaddingSize), time.Now())
		s.note(header.SequenceNumber, time.Now())
		if err := mine.SetExtension(id, []byte{byte(number >> 8), byte(number)}); err != nil {
			return 0, err
		}
		return writer.Write(&mine, payload, attributes)
	})
}

func (s *sender) depart(size int, now time.Time) uint16 {
	s.mu.Lock()
	defer s.mu.Unlock()
	number := s.next
	s.flight[number%history] = departure{number, size, now}
	s.next++
	return number
}

// BindRTCPReader implements interceptor.Interceptor.
func (s *sender) BindRTCPReader(reader interceptor.RTCPReader) interceptor.RTCPReader {
	return interceptor.RTCPReaderFunc(func(b []byte, attributes interceptor.Attributes) (int, interceptor.Attributes, error) {
		n, attributes, err := reader.Read(b, attributes)
		if err != nil {
			return n, attributes, err
		}
		if attributes == nil {
			attributes = interceptor.Attributes{}
		}
		packets, err := attributes.GetRTCPPackets(b[:n])
		if err != nil {
			return n, attributes, err
		}
		var fates []Packet
		told := false
		for _, p := range packets {
			switch p := p.(type) {
			case *rtcp.TransportLayerCC:
				fates, told = s.report(fates, p), true
				s.time(fates, time.Now())
			case *rtcp.TransportLayerNack:
				p.Nacks = s.missing(p.Nacks, time.Now())
			}
		}
		if told {
			attributes.Set(reportKey{}, Report{Packets: fates, UnderWay: s.underWay()})
		}
		return n, attributes, nil
	})
}

func (s *sender) note(sequence uint16, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left[sequence%history] = now
}

func (s *sender) time(fates []Packet, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trip = 0
	arrived, first, last := 0, time.Duration(0), time.Duration(0)
	for _, p := range fates {
		if p.Lost {
			continue
		}
		if arrived == 0 {
			first, last = p.Arrived, p.Arrived
		}
		arrived, first, last = arrived+1, min(first, p.Arrived), max(last, p.Arrived)
		if trip := now.Sub(p.Sent); s.trip == 0 || trip < s.trip {
			s.trip = trip
		}
	}
	if arrived >= paceOf {
		pace := float64(arrived-1) / max(last-first, time.Millisecond).Seconds()
		if s.pace == 0 {
			s.pace = pace
		}
		s.pace += (pace - s.pace) / 2
	}
}

// missing leaves those out that were sent again so lately that they can still
// arrive: receivers ask again and again, however long the way is. Nor is more sent
// again than arrives in the same time when packets follow each other closely: where
// a link throws away what it cannot carry, that would go the same way.
func (s *sender) missing(asked []rtcp.NackPair, now time.Time) []rtcp.NackPair {
	s.mu.Lock()
	defer s.mu.Unlock()
	var numbers []uint16
	most := againLeast + int(min(s.pace*now.Sub(s.resent).Seconds(), againMost))
	s.resent = now
	for _, pair := range asked {
		for _, n := range pair.PacketList() {
			if len(numbers) < min(most, againMost) && now.Sub(s.left[n%history]) > s.trip*9/10 {
				numbers = append(numbers, n)
			}
		}
	}
	return rtcp.NackPairsFromSequenceNumbers(numbers)
}

// report appends the fates of packets that a report tells first. What it does
// not mention although later packets are, it lost with an earlier report: then
// nothing is known of it.
func (s *sender) report(fates []Packet, report *rtcp.TransportLayerCC) []Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	number := report.BaseSequenceNumber
	arrived := time.Duration(report.ReferenceTime) * 64 * time.Millisecond
	deltas := report.RecvDeltas
	for _, chunk := range report.PacketChunks {
		for _, status := range statuses(chunk) {
			fate := Packet{Lost: status == rtcp.TypeTCCPacketNotReceived}
			if status == rtcp.TypeTCCPacketReceivedSmallDelta || status == rtcp.TypeTCCPacketReceivedLargeDelta {
				if len(deltas) == 0 {
					return fates // malformed
				}
				arrived += time.Duration(deltas[0].Delta) * time.Microsecond
				fate.Arrived, deltas = arrived, deltas[1:]
			}
			left := &s.flight[number%history]
			if left.number == number && left.size > 0 && status != rtcp.TypeTCCPacketReceivedWithoutDelta {
				fate.Size, fate.Sent = left.size, left.at
				left.size = 0
				fates = append(fates, fate)
			}
			if !fate.Lost && int16(number+1-s.done) > 0 {
				s.done = number + 1
			}
			number++
		}
	}
	return fates
}

// underWay is how many bytes were sent that no report told of yet.
func (s *sender) underWay() (bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for number := s.done; number != s.next; number++ { // a report of what was never sent leads once around
		if left := &s.flight[number%history]; left.number == number {
			bytes += left.size
		}
	}
	return bytes
}

func statuses(chunk rtcp.PacketStatusChunk) []uint16 {
	switch c := chunk.(type) {
	case *rtcp.StatusVectorChunk:
		return c.SymbolList
	case *rtcp.RunLengthChunk:
		all := make([]uint16, min(c.RunLength, history))
		for i := range all {
			all[i] = c.PacketStatusSymbol
		}
		return all
	}
	return nil
}
