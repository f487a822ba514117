package postgres

import (
	"fmt"
	"time"

	"github.com/simples-go/sessions/migrations"
)

// The largest values of WithBatching.
const (
	mostInFlight = 1000
	mostInBatch  = 10_000
)

func (o *options) validate() error {
	for _, name := range o.tables {
		if err := migrations.ValidateName(name); err != nil {
			return err
		}
	}
	switch {
	case o.logger == nil:
		return localErrorf("the logger is nil")
	case o.loads < 1 || o.saves < 1 || max(o.loads, o.saves) > mostInFlight:
		return localErrorf("%d statements in flight, 1 to %d are possible", min(o.loads, o.saves), mostInFlight)
	case o.max < 1 || o.max > mostInBatch:
		return localErrorf("batches of %d, 1 to %d are possible", o.max, mostInBatch)
	}
	if err := o.validateTimes(); err != nil {
		return err
	}
	return o.validateListening()
}

func (o *options) validateTimes() error {
	for name, d := range map[string]time.Duration{
		"timeout": o.timeout, "ping interval": o.pingInterval, "ping timeout": o.pingTimeout,
	} {
		if d < time.Millisecond || d > time.Hour {
			return localErrorf("%s %v, 1ms to 1h are possible", name, d)
		}
	}
	return nil
}

func (o *options) validateListening() error {
	switch {
	case o.listenHere:
		return nil
	case o.noListen:
		return localErrorf("WithListenURL and WithoutListen contradict each other")
	}
	if _, err := parseURL(o.listenURL); err != nil {
		return fmt.Errorf("WithListenURL: %w", err)
	}
	return nil
}
