package jsonobj_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/simples-go/sessions/internal/jsonobj"
)

// sample returns the data of a session of n entries, of about 50 bytes each.
func sample(n int) []byte {
	var parts []string
	for i := range n {
		switch i % 4 {
		case 0:
			parts = append(parts, fmt.Sprintf(`"user%04d":{"id":%d,"name":"Anna Beispiel","admin":false}`, i, i*7919))
		case 1:
			parts = append(parts, fmt.Sprintf(`"cart%04d":[%d,%d.25,"piece",null]`, i, i, i))
		case 2:
			parts = append(parts, fmt.Sprintf(`"note%04d":"some words, with a \"quote\" and an é"`, i))
		default:
			parts = append(parts, fmt.Sprintf(`"seen%04d":"2026-01-02T15:04:05.000Z"`, i))
		}
	}
	return []byte("{" + strings.Join(parts, ",") + "}")
}

func sizes(b *testing.B, run func(b *testing.B, data []byte)) {
	for _, n := range []int{8, 400} {
		data := sample(n)
		b.Run(fmt.Sprintf("%dB", len(data)), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			run(b, data)
		})
	}
}

func BenchmarkCanonical(b *testing.B) {
	sizes(b, func(b *testing.B, data []byte) {
		var buf []byte
		for b.Loop() {
			out, err := jsonobj.Canonical(buf[:0], data, 1<<20)
			if err != nil {
				b.Fatal(err)
			}
			buf = out
		}
	})
}

// BenchmarkDecode is what there is to compare Scan with.
func BenchmarkDecode(b *testing.B) {
	sizes(b, func(b *testing.B, data []byte) {
		for b.Loop() {
			var m map[string]json.RawMessage
			if err := json.Unmarshal(data, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkScan(b *testing.B) {
	sizes(b, func(b *testing.B, data []byte) {
		for b.Loop() {
			if _, err := jsonobj.Scan(data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkGet(b *testing.B) {
	sizes(b, func(b *testing.B, data []byte) {
		obj := scan(b, string(data))
		for b.Loop() {
			if _, ok := obj.Get("note0006"); !ok {
				b.Fatal("not found")
			}
		}
	})
}

func BenchmarkMerge(b *testing.B) {
	set := map[string]json.RawMessage{"cart0001": json.RawMessage(`[1,2]`)}
	sizes(b, func(b *testing.B, data []byte) {
		obj := scan(b, string(data))
		var buf []byte
		for b.Loop() {
			merged := obj.Merge(false, set, nil)
			if merged.Exceeds(1 << 20) {
				b.Fatal("too large")
			}
			buf = merged.Append(buf[:0])
		}
	})
}

// BenchmarkSave is what a store in memory does for a save of one key.
func BenchmarkSave(b *testing.B) {
	set := map[string]json.RawMessage{"cart0001": json.RawMessage(`[1,2]`)}
	sizes(b, func(b *testing.B, data []byte) {
		for b.Loop() {
			obj, err := jsonobj.Scan(data)
			if err != nil {
				b.Fatal(err)
			}
			if merged := obj.Merge(false, set, nil); merged.Exceeds(1<<20) || len(merged.Append(nil)) == 0 {
				b.Fatal("too large")
			}
		}
	})
}

type profile struct {
	ID      int64             `json:"id"`
	Name    string            `json:"name"`
	Roles   []string          `json:"roles"`
	Labels  map[string]string `json:"labels,omitempty"`
	Score   float64           `json:"score"`
	Visited []int             `json:"visited"`
}

var encoded = map[string]any{
	"struct": profile{7, "Anna Beispiel", []string{"admin", "author"}, map[string]string{"b": "2", "a": "1"}, 0.5, []int{1, 2, 3, 4}},
	"map":    map[string]any{"id": 7, "name": "Anna Beispiel", "roles": []any{"admin", "author"}, "score": 0.5},
	"list":   make([]int, 100),
}

func BenchmarkEncode(b *testing.B) {
	for name, value := range encoded {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := jsonobj.Encode(nil, value, 1<<20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMarshal is what there is to compare Encode with.
func BenchmarkMarshal(b *testing.B) {
	for name, value := range encoded {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				text, err := json.Marshal(value)
				if err == nil {
					_, err = jsonobj.Canonical(make([]byte, 0, len(text)), text, 1<<20)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
