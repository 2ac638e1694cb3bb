package congestion

import (
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// The fate of packets comes back as it was, through a receiver's own reports.
func TestReportsTellTheFate(t *testing.T) {
	made, err := Senders{}.NewInterceptor("")
	if err != nil {
		t.Fatal(err)
	}
	var wire []uint16
	info := &interceptor.StreamInfo{RTPHeaderExtensions: []interceptor.RTPHeaderExtension{{URI: URI, ID: 3}}}
	writer := made.BindLocalStream(info, interceptor.RTPWriterFunc(func(h *rtp.Header, _ []byte, _ interceptor.Attributes) (int, error) {
		var x rtp.TransportCCExtension
		if err := x.Unmarshal(h.GetExtension(3)); err != nil {
			t.Error(err)
		}
		wire = append(wire, x.TransportSequence)
		return 0, nil
	}))
	header := rtp.Header{Version: 2}
	send := func(n int) {
		for range n {
			if _, err := writer.Write(&header, make([]byte, 500), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(10)
	if header.Extension || len(header.Extensions) > 0 {
		t.Error("the caller's header was written to")
	}
	receiver := twcc.NewRecorder(1)
	var raw []byte
	reader := made.BindRTCPReader(interceptor.RTCPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		return copy(b, raw), a, nil
	}))
	tell := func() (Report, bool) {
		raw = nil
		for _, p := range receiver.BuildFeedbackPacket() {
			data, err := p.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			raw = append(raw, data...)
		}
		if raw == nil {
			raw, _ = (&rtcp.PictureLossIndication{}).Marshal()
		}
		_, attributes, err := reader.Read(make([]byte, 1500), nil)
		if err != nil {
			t.Fatal(err)
		}
		return Reported(attributes)
	}
	for i, number := range wire[:8] {
		if i != 3 {
			receiver.Record(7, number, int64(100_000+2000*i))
		}
	}
	report, ok := tell()
	if !ok || len(report.Packets) != 8 {
		t.Fatalf("%v %+v", ok, report)
	}
	for i, p := range report.Packets {
		if p.Lost != (i == 3) || p.Size < 500 || p.Sent.IsZero() {
			t.Errorf("packet %d: %+v", i, p)
		}
	}
	if d := report.Packets[7].Arrived - report.Packets[0].Arrived; d != 14*time.Millisecond {
		t.Errorf("arrived within %v", d)
	}
	if one := report.Packets[0].Size; report.UnderWay != 2*one {
		t.Errorf("%d bytes under way, want 2 of %d", report.UnderWay, one)
	}
	if _, ok := tell(); ok {
		t.Error("a report without one")
	}
}

// Whatever a report says, it does no harm and names only what was sent.
func FuzzReport(f *testing.F) {
	receiver := twcc.NewRecorder(1)
	for i := range 20 {
		receiver.Record(7, uint16(i*3), int64(1000*i))
	}
	for _, p := range receiver.BuildFeedbackPacket() {
		data, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var report rtcp.TransportLayerCC
		if report.Unmarshal(data) != nil {
			return
		}
		s, e := &sender{}, NewEstimator()
		now := time.Unix(1000, 0)
		for i := range 30 {
			s.depart(100, now.Add(time.Duration(i)*time.Millisecond))
		}
		fates := s.report(nil, &report)
		if len(fates) > 30 {
			t.Errorf("%d fates of 30 packets", len(fates))
		}
		e.Report(now.Add(time.Second), Report{fates, s.underWay()})
		if state := e.State(); state.Rate < 0 || state.Loss < 0 || state.Loss > 1 {
			t.Errorf("%+v", state)
		}
	})
}
