package main

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The plot's measures, in pixels.
const (
	plotWidth, plotHeight = 720, 470
	plotLeft, plotInner   = 70, 560
	panelHeight           = 170
	timesTop, memoryTop   = 50, 260
	plotStyle             = "<style>text{font:12px system-ui,sans-serif;fill:#57606a}.t{font-size:15px;fill:#24292f}" +
		".g{stroke:#d0d7de}polyline{fill:none;stroke-width:1.5}@media(prefers-color-scheme:dark){text{fill:#9198a1}" +
		".t{fill:#f0f6fc}.g{stroke:#3d444d}}</style>"
)

const blue, orange, grey, red = "#0969da", "#bc4c00", "#6e7781", "#cf222e"

// plot draws what requests took, with a logarithmic scale, and the memory of the nodes, over time, with the events.
func (r *report) plot() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img">%s<title>soak</title>`,
		plotWidth, plotHeight, plotStyle)
	times := panel{b: &b, top: timesTop, span: r.Duration, log: true,
		title: fmt.Sprintf("milliseconds until an answer, p99 and p50 of %v each", r.Sample)}
	memory := panel{b: &b, top: memoryTop, span: r.Duration, title: "memory of all nodes, MB"}
	times.marks(r.events)
	memory.marks(r.events)
	took := func(of func(*sample) time.Duration) []point {
		return r.series(func(s *sample) (float64, bool) { return milliseconds(of(s)), s.Requests > 0 })
	}
	times.lines(line{"p99", orange, took(func(s *sample) time.Duration { return s.P99 })},
		line{"p50", blue, took(func(s *sample) time.Duration { return s.P50 })})
	memory.lines(line{"memory", blue, r.series(func(s *sample) (float64, bool) {
		n, all := s.sum(memoryOf)
		return float64(n) / (1 << 20), all
	})})
	for minute := range 7 {
		at := r.Duration * time.Duration(minute) / 6
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%v</text>`, times.x(at), memoryTop+panelHeight+18,
			short(at))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d">dashed: rolling restarts; red: failovers</text></svg>`+"\n", plotLeft,
		plotHeight-4)
	return b.String()
}

// short is a time without what is zero.
func short(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}

type point struct {
	at    time.Duration
	value float64
}

type line struct {
	name, colour string
	points       []point
}

func (r *report) series(of func(*sample) (float64, bool)) (all []point) {
	for i := range r.samples {
		if v, ok := of(&r.samples[i]); ok {
			all = append(all, point{r.samples[i].At, v})
		}
	}
	return all
}

// panel is one of the plot's parts.
type panel struct {
	b     *strings.Builder
	top   int
	span  time.Duration
	title string
	log   bool
	max   float64
}

func (p *panel) x(at time.Duration) float64 {
	return plotLeft + plotInner*float64(min(at, p.span))/float64(p.span)
}

func (p *panel) y(v float64) float64 {
	share := v / p.max
	if p.log {
		share = math.Log10(max(v, 1)) / math.Log10(p.max)
	}
	return float64(p.top) + panelHeight*(1-share)
}

// marks draws the events.
func (p *panel) marks(events []event) {
	fmt.Fprintf(p.b, `<text class="t" x="%d" y="%d">%s</text>`, plotLeft, p.top-12, p.title)
	for _, e := range events {
		switch x := p.x(e.At); e.Kind {
		case restarted:
			p.mark(x, grey, "2 4")
		case failedOn:
			p.mark(x, red, "none")
		}
	}
}

func (p *panel) mark(x float64, colour, dashes string) {
	fmt.Fprintf(p.b, `<line stroke="%s" stroke-dasharray="%s" x1="%.1f" x2="%.1[3]f" y1="%d" y2="%d"/>`, colour, dashes, x,
		p.top, p.top+panelHeight)
}

// lines draws the lines and the scale that they need.
func (p *panel) lines(all ...line) {
	for _, l := range all {
		for _, pt := range l.points {
			p.max = max(p.max, pt.value)
		}
	}
	p.max = max(10, round(p.max, p.log))
	for _, v := range p.ticks() {
		fmt.Fprintf(p.b, `<line class="g" x1="%d" x2="%d" y1="%.1f" y2="%.1[3]f"/>`, plotLeft, plotLeft+plotInner, p.y(v))
		fmt.Fprintf(p.b, `<text x="%d" y="%.1f" text-anchor="end">%.0f</text>`, plotLeft-8, p.y(v)+4, v)
	}
	for _, l := range all {
		var points []string
		last := 0.0
		for _, pt := range l.points {
			last = p.y(pt.value)
			points = append(points, fmt.Sprintf("%.1f,%.1f", p.x(pt.at), last))
		}
		fmt.Fprintf(p.b, `<polyline stroke="%s" points="%s"/><text x="%d" y="%.1f" style="fill:%s">%s</text>`, l.colour,
			strings.Join(points, " "), plotLeft+plotInner+8, last+4, l.colour, l.name)
	}
}

func (p *panel) ticks() (all []float64) {
	if !p.log {
		return []float64{0, p.max / 4, p.max / 2, p.max * 3 / 4, p.max}
	}
	for v := 1.0; v <= p.max; v *= 10 {
		all = append(all, v)
	}
	return all
}

// round returns the next number above that a scale may end with.
func round(v float64, log bool) float64 {
	power := math.Pow(10, math.Ceil(math.Log10(max(v, 1))))
	for _, part := range []float64{0.2, 0.4, 0.6, 0.8} {
		if !log && v <= power*part {
			return power * part
		}
	}
	return power
}
