package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/ops"
	"consento/broker/internal/session"
	"consento/protocol"
)

// metrics answers who may see them: an account with the right, by cookie or
// token, or a scraper on this machine, as far as that can be told.
func (b *broker) metrics() http.Handler {
	registry := ops.NewMetrics()
	registry.MustRegister(newCollector(b.sessions.Figures), newStorage(b.evidence.Figures, b.log), prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: "consento_evidence_free_bytes", Help: "Free space for evidence."},
		func() float64 {
			free, err := b.folder.Free()
			if err != nil {
				return -1
			}
			return float64(free)
		}))
	registry.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: "consento_mail_waiting", Help: "Letters that wait for the mail server."},
		func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			s, err := b.mail.Status(ctx)
			if err != nil {
				return -1
			}
			return float64(s.Waiting)
		}))
	figures := ops.MetricsHandler(registry)
	unproxied := direct(b.url, b.listener.Addr().(*net.TCPAddr))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		account, ok := access.Current(r)
		if (!ok || !access.Can(account, access.SeeMetrics, access.Scope{})) && !(unproxied && fromThisMachine(r)) {
			http.Error(w, "the figures are for maintainers", http.StatusForbidden)
			return
		}
		figures.ServeHTTP(w, r)
	})
}

// direct reports whether people reach the listener itself. Where they do not, a proxy
// or a tunnel may stand on this machine, and everybody would seem to be on it.
func direct(public string, listener *net.TCPAddr) bool {
	u, err := url.Parse(public)
	if err != nil {
		return false
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return port == strconv.Itoa(listener.Port) && (thisMachine(u.Hostname()) || !listener.IP.IsLoopback())
}

// fromThisMachine reports whether a request was made on this machine, to this
// machine: not by a page in its browser that calls itself something else (DNS
// rebinding), nor for somebody else.
func fromThisMachine(r *http.Request) bool {
	for name := range r.Header {
		if name == "Forwarded" || name == "Via" || name == "X-Real-Ip" || strings.HasPrefix(name, "X-Forwarded-") {
			return false
		}
	}
	from, _, err := net.SplitHostPort(r.RemoteAddr)
	to := (&url.URL{Host: r.Host}).Hostname()
	return err == nil && from != "localhost" && thisMachine(from) && thisMachine(to)
}

// thisMachine reports whether a host is always this one.
func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// collector reads the figures of the sessions once for each scrape. Every label
// has a closed set of values.
type collector struct {
	figures func() session.Figures

	sessions, away, hidden, published, viewers, limited, returned, ended, reported *prometheus.Desc
}

func newCollector(figures func() session.Figures) *collector {
	return &collector{
		figures:   figures,
		sessions:  prometheus.NewDesc("consento_sessions", "Sessions that are not closed.", []string{"state"}, nil),
		away:      prometheus.NewDesc("consento_sessions_away", "Sessions that wait for the customer's computer to come back.", nil, nil),
		hidden:    prometheus.NewDesc("consento_sessions_hidden", "Sessions whose screen is paused, locked or without a picture.", nil, nil),
		published: prometheus.NewDesc("consento_pictures", "Sessions whose picture comes in.", nil, nil),
		viewers:   prometheus.NewDesc("consento_viewers", "Pictures that are open in consoles.", nil, nil),
		limited:   prometheus.NewDesc("consento_pictures_limited", "Pictures that are reduced, by what.", []string{"by"}, nil),
		returned:  prometheus.NewDesc("consento_agent_returns_total", "Agents that came back after a lost connection.", nil, nil),
		ended:     prometheus.NewDesc("consento_sessions_ended_total", "Sessions that ended, by reason.", []string{"reason"}, nil),
		reported:  prometheus.NewDesc("consento_sessions_reported_total", "Sessions that customers reported.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.sessions, c.away, c.hidden, c.published, c.viewers, c.limited, c.returned, c.ended, c.reported} {
		out <- d
	}
}

// Collect implements prometheus.Collector. Values that are zero are told as well:
// an alert needs them.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	f := c.figures()
	tell := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	for _, s := range protocol.States() {
		if s != protocol.StateClosed {
			tell(c.sessions, prometheus.GaugeValue, float64(f.Sessions[s]), string(s))
		}
	}
	for _, l := range protocol.NetworkLimits() {
		if l.Reduces() {
			tell(c.limited, prometheus.GaugeValue, float64(f.Limited[l]), string(l))
		}
	}
	for _, r := range protocol.EndReasons() {
		tell(c.ended, prometheus.CounterValue, float64(f.Ended[r]), string(r))
	}
	tell(c.away, prometheus.GaugeValue, float64(f.Away))
	tell(c.hidden, prometheus.GaugeValue, float64(f.Hidden))
	tell(c.published, prometheus.GaugeValue, float64(f.Published))
	tell(c.viewers, prometheus.GaugeValue, float64(f.Viewers))
	tell(c.returned, prometheus.CounterValue, float64(f.Returned))
	tell(c.reported, prometheus.CounterValue, float64(f.Reported))
}

// storage reads the figures of the recordings once for each scrape.
type storage struct {
	figures func(context.Context) (evidence.Figures, error)
	log     *slog.Logger

	bytes, reserve, recordings, lag *prometheus.Desc
}

func newStorage(figures func(context.Context) (evidence.Figures, error), log *slog.Logger) *storage {
	return &storage{
		figures: figures, log: log,
		bytes:      prometheus.NewDesc("consento_evidence_bytes", "Bytes of all recordings.", nil, nil),
		reserve:    prometheus.NewDesc("consento_evidence_reserve_bytes", "Room kept for the ends of sessions; 0 where it was given back because the disk was full.", nil, nil),
		recordings: prometheus.NewDesc("consento_recordings", "Sessions whose recordings can be read: within their time, under a legal hold, or due for a decision.", []string{"state"}, nil),
		lag:        prometheus.NewDesc("consento_witness_lag_seconds", "How far the witnesses are behind: the one that is least, and the one that is most.", []string{"witness"}, nil),
	}
}

// scrapeTime is how long the database has for the figures of one scrape.
const scrapeTime = 5 * time.Second

// Describe implements prometheus.Collector.
func (c *storage) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.bytes, c.reserve, c.recordings, c.lag} {
		out <- d
	}
}

// Collect implements prometheus.Collector. Figures that cannot be read are missing:
// the others are told.
func (c *storage) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	f, err := c.figures(ctx)
	if err != nil {
		c.log.Error("figures of the recordings cannot be read", slog.Any("error", err))
		return
	}
	tell := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	tell(c.bytes, float64(f.Bytes))
	tell(c.reserve, float64(f.Reserve))
	tell(c.recordings, float64(f.Kept), "kept")
	tell(c.recordings, float64(f.Held), "held")
	tell(c.recordings, float64(f.Due), "due")
	if f.Witnesses > 0 {
		tell(c.lag, f.Nearest.Seconds(), "nearest")
		tell(c.lag, f.Furthest.Seconds(), "furthest")
	}
}
