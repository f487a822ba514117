package history

import "golang.org/x/sys/unix"

// Now is the clock of a trial, in nanoseconds.
var Now = monotonic

// monotonic is the machine's clock: all its processes agree on it, and nothing steps it.
func monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}
