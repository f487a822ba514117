package model

import (
	"fmt"
	"html"
	"os"
	"strings"

	"github.com/anishathalye/porcupine"
	"github.com/simples-go/sessions/testing/internal/histories/history"
)

// Draw writes a history as an SVG, one line for each client and the time from left to right, and, if it is one that has
// no order, porcupine's page of it beside that.
func Draw(m Meta, v *Violation, svg, page string) error {
	if err := os.WriteFile(svg, []byte(drawing(v)), 0o600); err != nil || v.Promise != Order {
		return err
	}
	_, info := porcupine.CheckOperationsVerbose(session, m.operations(v.Ops), m.Effort)
	return porcupine.VisualizePath(session, info, page)
}

const (
	row   = 34
	label = 90
	width = 1500
)

// drawing gives each operation a row of its own in the order of their calls, so that long texts do not overlap.
func drawing(v *Violation) string {
	var b strings.Builder
	first, last := bounds(v.Ops)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="monospace" font-size="12">`,
		label+width+40, (len(v.Ops)+2)*row)
	fmt.Fprintf(&b, "\n<text x=\"8\" y=\"20\">%s</text>\n", html.EscapeString(v.Session+": not kept: "+v.Promise+". "+v.Detail))
	for i := range v.Ops {
		bar(&b, &v.Ops[i], (i+1)*row, first, last)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func bar(b *strings.Builder, op *history.Op, y int, first, last int64) {
	at := func(t int64) float64 {
		return label + float64(min(t, last)-first)/float64(max(1, last-first))*width*0.6
	}
	x, end := at(op.Call), at(op.Return)
	fmt.Fprintf(b, "<text x=\"8\" y=\"%d\">client %d</text>", y+16, op.Client)
	fmt.Fprintf(b, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"20\" fill=\"%s\"/>", x, y, max(3, end-x), colour(op))
	fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%d\">%s</text>\n", x+4, y+15, html.EscapeString(Describe(op)))
}

func colour(op *history.Op) string {
	switch op.Outcome {
	case history.OK:
		return "#a8d5a2"
	case history.Unknown:
		return "#e8d48a"
	}
	return "#e0a8a8"
}

func bounds(ops []history.Op) (first, last int64) {
	first = history.Open
	for i := range ops {
		first = min(first, ops[i].Call)
		last = max(last, ops[i].Call)
		if ops[i].Return != history.Open {
			last = max(last, ops[i].Return)
		}
	}
	return first, last
}
