package main

import (
	"fmt"
	"slices"
)

// rule says what flat is.
const rule = `What is in use is flat if the median of the last third of the samples after the warm-up, which is the
first sixth, is not more than a tenth above that of the first third. "In one life" is the same within the time between
two starts of a node, the first quarter of which is its warm-up: the median of all lives.
`

const (
	growth  = 1.1
	warmUp  = 6 // one in so many
	settled = 4 // likewise, of a life
	enough  = 9 // samples, to say anything
)

// flatness is how something in use has developed.
type flatness struct {
	what        string
	unit        string
	first, last float64 // medians
	known       bool
}

func (f *flatness) change() float64 { return f.last/f.first - 1 }

func (f *flatness) flat() bool { return f.last <= f.first*growth }

func (f *flatness) row() string {
	if !f.known {
		return fmt.Sprintf("| %s | | | | too few samples |", f.what)
	}
	word := "yes"
	if !f.flat() {
		word = "**no**"
	}
	return fmt.Sprintf("| %s | %.6g%s | %.6g%s | %+.1f %% | %s |", f.what, f.first, f.unit, f.last, f.unit, 100*f.change(),
		word)
}

// flatness compares all that is sampled.
func (r *report) flatness() []flatness {
	const mb = 1 << 20
	return []flatness{
		r.flat("memory of all nodes", " MB", mb, func(s *sample) (int64, bool) { return s.sum(memoryOf) }),
		r.flatInLives("memory of a node in one life", " MB", mb, memoryOf),
		r.flat("goroutines of all nodes", "", 1, func(s *sample) (int64, bool) { return s.sum(goroutinesOf) }),
		r.flatInLives("goroutines of a node in one life", "", 1, goroutinesOf),
		r.flat("connections to Postgres", "", 1, func(s *sample) (int64, bool) { return s.Connections, s.Connections > 0 }),
		r.flat("table and indexes", " MB", mb, func(s *sample) (int64, bool) { return s.TableBytes, s.TableBytes > 0 }),
		r.flat("rows", "", 1, func(s *sample) (int64, bool) { return s.Rows, s.Rows > 0 }),
		r.flat("open sockets", "", 1, func(s *sample) (int64, bool) { return s.sum(socketsOf) }),
	}
}

// flat compares the thirds of the whole time.
func (r *report) flat(what, unit string, scale float64, of func(*sample) (int64, bool)) flatness {
	var all []float64
	for i := len(r.samples) / warmUp; i < len(r.samples); i++ {
		if n, ok := of(&r.samples[i]); ok {
			all = append(all, float64(n)/scale)
		}
	}
	f := flatness{what: what, unit: unit, known: len(all) >= enough}
	if f.known {
		f.first, f.last = thirds(all)
	}
	return f
}

func thirds(all []float64) (first, last float64) {
	third := len(all) / 3
	return median(all[:third]), median(all[len(all)-third:])
}

// flatInLives compares the thirds of each life of a node.
func (r *report) flatInLives(what, unit string, scale float64, of func(*usage) int64) flatness {
	var firsts, lasts []float64
	for node := range r.config.Nodes {
		for _, life := range r.lives(node, of) {
			if life = life[len(life)/settled:]; len(life) >= enough {
				first, last := thirds(life)
				firsts, lasts = append(firsts, first/scale), append(lasts, last/scale)
			}
		}
	}
	f := flatness{what: what, unit: unit, known: len(firsts) > 0}
	if f.known {
		f.first, f.last = median(firsts), median(lasts)
	}
	return f
}

// lives returns a value of a node's samples, by its lives.
func (r *report) lives(node int, of func(*usage) int64) (all [][]float64) {
	life := int64(0)
	for i := range r.samples {
		u := &r.samples[i].Nodes[node]
		if u.Life == 0 {
			continue
		}
		if u.Life != life {
			all, life = append(all, nil), u.Life
		}
		all[len(all)-1] = append(all[len(all)-1], float64(of(u)))
	}
	return all
}

func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
