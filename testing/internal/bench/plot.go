package main

import (
	"fmt"
	"html"
	"slices"
	"strings"
)

// The plot's measures, in pixels.
const (
	plotWidth, plotHeight  = 640, 360
	plotLeft, plotBottom   = 70, 50
	plotTop, plotRight     = 40, 110
	plotInnerX, plotInnerY = plotWidth - plotLeft - plotRight, plotHeight - plotTop - plotBottom
	plotStyle              = "<style>text{font:12px system-ui,sans-serif;fill:#57606a}.t{font-size:15px;fill:#24292f}.g{stroke:#d0d7de}polyline{fill:none;stroke-width:2.5}@media(prefers-color-scheme:dark){text{fill:#9198a1}.t{fill:#f0f6fc}.g{stroke:#3d444d}}</style>"
)

var plotColours = []string{"#0969da", "#bc4c00", "#6e7781", "#8250df", "#1a7f37"}

// plot draws the rates of all sides over the number of callers, as an SVG with a linear scale from zero.
func plot(title string, results []result) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img">%s`, plotWidth, plotHeight, plotStyle)
	fmt.Fprintf(&b, `<title>%[1]s</title><text class="t" x="%d" y="24">%[1]s: per second, by callers</text>`, html.EscapeString(title), plotLeft)
	top := 0.0
	for _, r := range results {
		for _, s := range r.sides {
			top = max(top, slices.Max(s.rate))
		}
	}
	x := func(i int) float64 { return plotLeft + float64(i)*plotInnerX/float64(max(1, len(results)-1)) }
	y := func(rate float64) float64 { return plotTop + plotInnerY*(1-rate/top) }
	for i := range 5 {
		rate := top * float64(i) / 4
		fmt.Fprintf(&b, `<line class="g" x1="%d" x2="%d" y1="%.1f" y2="%.1[3]f"/><text x="%d" y="%.1f" text-anchor="end">%.0f</text>`,
			plotLeft, plotLeft+plotInnerX, y(rate), plotLeft-8, y(rate)+4, rate)
	}
	for i, r := range results {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%d</text>`, x(i), plotHeight-plotBottom+20, r.callers)
	}
	for side := range results[0].sides {
		colour := plotColours[side%len(plotColours)]
		var points []string
		last := 0.0
		for i, r := range results {
			last = median(r.sides[side].rate)
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(i), y(last)))
			fmt.Fprintf(&b, `<line stroke="%s" x1="%.1f" x2="%.1[2]f" y1="%.1f" y2="%.1f"/>`, colour, x(i),
				y(slices.Min(r.sides[side].rate)), y(slices.Max(r.sides[side].rate)))
		}
		fmt.Fprintf(&b, `<polyline stroke="%s" points="%s"/>`, colour, strings.Join(points, " "))
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" style="fill:%s">%s</text>`, plotLeft+plotInnerX+8, y(last)+4, colour,
			html.EscapeString(results[0].sides[side].name))
	}
	b.WriteString("</svg>\n")
	return b.String()
}
