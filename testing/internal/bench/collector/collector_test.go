package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestCollector runs the command in small: it fails where the collector leaves an expired session or a live one cannot be
// loaded or saved beside it.
func TestCollector(t *testing.T) {
	var out bytes.Buffer
	o := options{url: "sqlite:" + t.TempDir() + "/collector.db", rows: 4000, rounds: 1, slice: 100 * time.Millisecond, slices: 2}
	if err := o.run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "ratio") || !strings.Contains(out.String(), "save p99") {
		t.Error(out.String())
	}
}

// TestSteadyExpiry runs the other measurement in small: the collector runs beside what expires, and something is left to
// compare.
func TestSteadyExpiry(t *testing.T) {
	var out bytes.Buffer
	o := options{url: "sqlite:" + t.TempDir() + "/collector.db", rows: 400, rounds: 1, slice: time.Second, slices: 1,
		expiring: 500, over: 2 * time.Second, every: 300 * time.Millisecond}
	if err := o.run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "expired rows") || !strings.Contains(out.String(), "runs deleted") {
		t.Error(out.String())
	}
}
