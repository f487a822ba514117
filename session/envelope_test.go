package session

import (
	"testing"
	"time"
)

func TestAnEntryIsOverFromItsEndOn(t *testing.T) {
	at := time.UnixMilli(1_764_264_000_000)
	e := entry{ends: at.UnixMilli()}
	for d, over := range map[time.Duration]bool{-time.Millisecond: false, -1: false, 0: true, time.Millisecond: true} {
		if e.over(at.Add(d)) != over || (entry{}).over(at.Add(d)) {
			t.Errorf("%v after its end: over %v", d, !over)
		}
	}
}

// What has no end is read without an allocation, also if it begins as an entry with one does.
func TestReadingAnEntryAllocatesNothing(t *testing.T) {
	for _, text := range []string{
		`1`, `"text"`, `{"a":1}`, `{"value":[1,{"b":"c"}],"x":2}`, `{"value":[1,{"b":"c"}]}`, `{"$ends":1764264000000,"value":{"a":[2]}}`,
	} {
		bytes := []byte(text)
		if n := testing.AllocsPerRun(100, func() { unwrap(bytes) }); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}
