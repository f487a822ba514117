package main

import (
	"context"
	"math/rand/v2"
	"slices"
)

// workload is one kind of work. run does it once, on behalf of one of the callers.
type workload struct {
	name string
	http bool // over real connections to a server
	run  func(ctx context.Context, s *side, rows int) error

	method  func() string // of a request, if http is set
	sliding bool
	stray   bool   // the cookies open nothing
	beside  string // other work of the first side that is measured in the same rounds
}

var workloads = []workload{
	{name: "load", run: func(ctx context.Context, s *side, rows int) error { return s.load(ctx, rand.IntN(rows)) }},
	{name: "miss", beside: "load", run: func(ctx context.Context, s *side, rows int) error { return s.miss(ctx, rows+rand.IntN(rows)) }},
	{name: "save", run: func(ctx context.Context, s *side, rows int) error { return s.save(ctx, rand.IntN(rows)) }},
	{name: "mixed 95/5", run: func(ctx context.Context, s *side, rows int) error {
		if rand.IntN(20) == 0 {
			return s.save(ctx, rand.IntN(rows))
		}
		return s.load(ctx, rand.IntN(rows))
	}},
	{name: "create", run: func(ctx context.Context, s *side, _ int) error { return s.create(ctx) }},
	{name: "destroy", run: func(ctx context.Context, s *side, rows int) error { return s.destroy(ctx, rand.IntN(rows)) }},
	{name: "http read", http: true, method: always("GET")},
	{name: "http read sliding", http: true, method: always("GET"), sliding: true},
	{name: "http miss", http: true, method: always("GET"), stray: true, beside: "http read"},
	{name: "http write", http: true, method: always("POST")},
	{name: "http mixed 95/5", http: true, sliding: true, method: func() string {
		if rand.IntN(20) == 0 {
			return "POST"
		}
		return "GET"
	}},
}

func always(method string) func() string { return func() string { return method } }

func workloadOf(name string) workload {
	i := slices.IndexFunc(workloads, func(w workload) bool { return w.name == name })
	return workloads[i]
}

func workNames() []string {
	names := make([]string, len(workloads))
	for i, w := range workloads {
		names[i] = w.name
	}
	return names
}
